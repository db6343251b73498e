/*
 * See trusted_file.h. The kernel names the real path of the descriptor; the
 * group bits of a file with an access list are its mask, so they tell of
 * further users, too.
 */
#include "trusted_file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>

#include "../lib/cleanup.h"
#include "procfs.h"

static int owner_check(const struct trust *trust, const char *path,
		       const struct stat *status, struct hf_diag *diag)
{
	if (!status->st_uid ||
	    (!trust->root_only && status->st_uid == trust->uid))
		return 0;
	hf_refuse(diag, "untrusted-file",
		  "%s belongs to user %u: who owns it may change it", path,
		  (unsigned int)status->st_uid);
	if (S_ISDIR(status->st_mode))
		hf_hint(diag, "move the file to a directory that only root or "
			      "you can write to");
	else
		hf_hint(diag,
			"see that it is what you expect, then take a copy of "
			"your own or make it root's: chown root '%s'",
			path);
	return -ECANCELED;
}

static bool group_is_own(const struct trust *trust, gid_t gid)
{
	return !gid || (!trust->root_only && gid == trust->gid);
}

/* The mode bits that let others write where they must not. */
static mode_t writers(const struct trust *trust, enum trust_place place,
		      const struct stat *status)
{
	mode_t bits = status->st_mode & (S_IWGRP | S_IWOTH);

	if (place == TRUST_FILE)
		return bits;
	if (status->st_mode & S_ISVTX)
		return 0;
	if (place == TRUST_ABOVE || group_is_own(trust, status->st_gid))
		bits &= ~(mode_t)S_IWGRP;
	return bits;
}

int trust_check(const struct trust *trust, enum trust_place place,
		const char *path, const struct stat *status,
		struct hf_diag *diag)
{
	mode_t bits = writers(trust, place, status);
	char who[32] = "everybody";
	int r;

	r = place == TRUST_ABOVE ? 0 : owner_check(trust, path, status, diag);
	if (r || !bits)
		return r;
	if (!(bits & S_IWOTH))
		snprintf(who, sizeof(who), "group %u",
			 (unsigned int)status->st_gid);
	hf_refuse(diag, "untrusted-file",
		  "%s may be written by %s (mode %04o): what is in it need not "
		  "be yours",
		  path, who, (unsigned int)(status->st_mode & 07777));
	hf_hint(diag,
		"see that the file is what you expect, then: chmod go-w '%s'",
		path);
	return -ECANCELED;
}

/* Every directory of @path, the nearest first. Cuts @path down. */
static int directories_check(const struct trust *trust, char *path,
			     struct hf_diag *diag)
{
	enum trust_place place = TRUST_DIRECTORY;
	struct stat status;
	char *slash;
	int r;

	while ((slash = strrchr(path, '/'))) {
		const char *directory = slash == path ? "/" : path;

		*slash = '\0';
		if (lstat(directory, &status))
			return hf_fail(diag, -errno, "cannot look at %s",
				       directory);
		r = trust_check(trust, place, directory, &status, diag);
		if (r)
			return r;
		place = TRUST_ABOVE;
		if (slash == path)
			return 0;
	}
	return 0;
}

static int path_check(int fd, const struct trust *trust, const char *name,
		      const struct stat *status, struct hf_diag *diag)
{
	char link[64], path[PATH_MAX];
	ssize_t size;
	int r;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	size = readlink(link, path, sizeof(path));
	if (size < 0) {
		int error = -errno;

		r = procfs_check(diag);
		return r ? r : hf_fail(diag, error,
				       "cannot find the path of %s", name);
	}
	if ((size_t)size >= sizeof(path) || *path != '/')
		return hf_refuse(diag, "untrusted-file",
				 "%s: its directories cannot be looked at",
				 name);
	path[size] = '\0';
	r = trust_check(trust, TRUST_FILE, path, status, diag);
	return r ? r : directories_check(trust, path, diag);
}

static int regular_check(const char *path, const char *what,
			 const struct stat *status, struct hf_diag *diag)
{
	char code[32];

	if (S_ISREG(status->st_mode))
		return 0;
	snprintf(code, sizeof(code), "%s-malformed", what);
	return hf_error(diag, -EBADMSG, code,
			"%s is no %s: it is no regular file", path, what);
}

/* A device or a pipe might never end, or never begin: it is not opened. */
static int regular_open(const char *path, const char *what, int *ret_fd,
			struct stat *ret_status, struct hf_diag *diag)
{
	owned(close_p) int fd = -1;
	int r;

	if (stat(path, ret_status))
		return hf_fail(diag, -errno, "cannot open %s", path);
	r = regular_check(path, what, ret_status, diag);
	if (r)
		return r;
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (fd < 0 || fstat(fd, ret_status))
		return hf_fail(diag, -errno, "cannot open %s", path);
	r = regular_check(path, what, ret_status, diag);
	if (r)
		return r;
	*ret_fd = take_fd(&fd);
	return 0;
}

int trusted_file_read(const char *path, const char *what, bool root_only,
		      size_t limit, struct buffer *ret_bytes,
		      struct hf_diag *diag)
{
	struct trust trust = {
		.uid = geteuid(),
		.gid = getegid(),
		.root_only = root_only,
	};
	owned(close_p) int fd = -1;
	struct stat status;
	int r;

	r = regular_open(path, what, &fd, &status, diag);
	if (!r)
		r = path_check(fd, &trust, path, &status, diag);
	if (r)
		return r;
	return file_read_open(fd, path, limit, ret_bytes, diag);
}
