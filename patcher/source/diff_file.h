/*
 * A diff, taken apart: which files it speaks of and where its hunks are.
 *
 * Every line of a hunk is counted here, so that what follows a hunk (the
 * signature of a mail, the next commit's message) is never taken for a part of
 * it, and what patch(1) gets to see later is one file's hunks and no names: it
 * never chooses a file.
 */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "../../lib/io.h"

struct diff_hunk {
	size_t at, size;   /* its text, with the header */
	unsigned int line; /* of the diff, from 1 */
	unsigned int old, nr_old; /* lines of the old file */
	unsigned int padding; /* blank lines of context lost from its end */
};

struct diff_section {
	unsigned int line; /* of the diff */
	bool context; /* a context diff */
	bool binary;
	bool strip_cr; /* the whole diff went through something that adds CR */
	bool renames, copies;
	bool creates, removes; /* by /dev/null, by an empty date, by git */
	mode_t old_mode, new_mode; /* 0: not said */
	/*
	 * As they stand there, with a/ and b/; NULL: /dev/null or not said.
	 * git's names of renames have no prefix: `bare`.
	 */
	char *old_name, *new_name;
	bool bare;
	struct diff_hunk *hunks;
	size_t nr_hunks;
};

struct diff_file {
	const char *path; /* the caller's */
	struct buffer text;
	struct diff_section *sections;
	size_t nr_sections;
};

/**
 * diff_file_read() - take a diff apart
 *
 * Return: 0; -ECANCELED: "diff-malformed", "diff-empty", "diff-binary";
 * -ENOMEM; -errno.
 */
int diff_file_read(const char *path, struct diff_file *ret_file,
		   struct hf_diag *diag);
void diff_file_release(struct diff_file *file);

/* One hunk's lines of the old file, with their newlines. */
struct diff_line {
	const char *text;
	size_t size;
	unsigned int line; /* of the diff */
};
/* Return: 0; -ENOMEM. */
int diff_hunk_old_lines(const struct diff_file *file,
			const struct diff_section *section,
			const struct diff_hunk *hunk,
			struct diff_line **ret_lines, size_t *ret_nr);
