/*
 * Reading archives (ar), plain and thin. Everything in them is untrusted.
 */
#pragma once

#include <stdbool.h>

#include "../../lib/cleanup.h"
#include "../../lib/io.h"

struct archive {
	char *path;
	struct buffer bytes;
	bool thin;
	size_t next;	   /* offset of the next header */
	const char *names; /* table of long names; NULL: none seen */
	size_t names_size;
};

/* One object of an archive. */
struct archive_member {
	char *name; /* owned: release with archive_member_release() */
	char *path; /* owned; thin archives: the file; NULL otherwise */
	const uint8_t *data; /* in the archive; NULL for thin ones */
	size_t size;
};

/* Return: 0; -ENOEXEC when it is no archive; -ENOMEM; -errno. */
int archive_open(const char *path, struct archive **ret_archive,
		 struct hf_diag *diag);
void archive_close(struct archive *archive);
DEFINE_CLEANUP(struct archive, archive_close)

/**
 * archive_next() - the next object; tables of symbols and names are skipped
 *
 * Return: 1; 0 at the end; -EBADMSG when it is damaged; -ENOMEM.
 */
int archive_next(struct archive *archive, struct archive_member *ret_member,
		 struct hf_diag *diag);
void archive_member_release(struct archive_member *member);
