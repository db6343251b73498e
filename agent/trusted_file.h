/*
 * Files whose content decides what runs in other processes: read only when
 * nobody but root and the caller could have put it there.
 *
 *   the file          belongs to root or the caller; writable by its owner only
 *   its directory     belongs to root or the caller; not writable by others,
 *                     unless sticky; by a group only if it is root's or the
 *                     caller's own
 *   directories above not writable by everybody, unless sticky
 *
 * Whoever may write further up can but put another directory of root or the
 * caller there, with another such file. The file is opened once and judged by
 * its descriptor, so nothing can be exchanged between look and use.
 */
#pragma once

#include <stdbool.h>
#include <sys/stat.h>

#include "../lib/io.h"

/* Who asks, and whether root alone is good enough as an owner. */
struct trust {
	uid_t uid;
	gid_t gid;
	bool root_only;
};

enum trust_place { TRUST_FILE, TRUST_DIRECTORY, TRUST_ABOVE };

/**
 * trust_check() - may what lies at @path be believed?
 * @path: for the message
 *
 * Return: 0; -ECANCELED (code "untrusted-file"), with the command that helps.
 */
int trust_check(const struct trust *trust, enum trust_place place,
		const char *path, const struct stat *status,
		struct hf_diag *diag);

/**
 * trusted_file_read() - read a regular file that only root and we may write
 * @what:      "patch", "policy": for messages and the code WHAT-malformed
 * @root_only: our own files are not good enough, only root's are
 * @ret_bytes: owned by the caller
 *
 * Return: 0; -ECANCELED (code "untrusted-file"); -EBADMSG it is no regular
 * file; -ENOENT; -EFBIG; -errno.
 */
int trusted_file_read(const char *path, const char *what, bool root_only,
		      size_t limit, struct buffer *ret_bytes,
		      struct hf_diag *diag);
