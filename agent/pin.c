#include "pin.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "../lib/cleanup.h"
#include "../lib/io.h"

int file_pin(int dirfd, const char *path, struct stat *ret_status)
{
	owned(close_p) int fd = openat(dirfd, path, O_PATH | O_CLOEXEC);

	if (fd < 0 || fstat(fd, ret_status))
		return -errno;
	if (!S_ISREG(ret_status->st_mode))
		return -EMEDIUMTYPE;
	return take_fd(&fd);
}

static void pinned_path(int pinned, char *ret_path, size_t size)
{
	snprintf(ret_path, size, "/proc/self/fd/%d", pinned);
}

int file_unpin(int pinned, int flags)
{
	char path[32];
	int fd;

	pinned_path(pinned, path, sizeof(path));
	fd = open(path, flags | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	return fd < 0 ? -errno : fd;
}

int mapping_pin(const struct process *process, const struct mapping *mapping,
		struct stat *ret_status)
{
	char path[96];

	snprintf(path, sizeof(path), "map_files/%" PRIx64 "-%" PRIx64,
		 mapping->range.start, mapping->range.end);
	return file_pin(process->dir, path, ret_status);
}

int mapping_open(const struct process *process, const struct mapping *mapping)
{
	owned(close_p) int pinned = -1;
	struct stat status;

	pinned = mapping_pin(process, mapping, &status);
	if (pinned == -EMEDIUMTYPE)
		return pinned;
	if (pinned >= 0)
		return file_unpin(pinned, O_RDONLY);
	pinned = file_pin(AT_FDCWD, mapping->path, &status);
	if (pinned < 0)
		return pinned;
	if (status.st_ino != mapping->inode || status.st_dev != mapping->device)
		return -ESTALE;
	return file_unpin(pinned, O_RDONLY);
}

/*
 * The name alone is no proof, for anybody may call a file so; but one without
 * a link, without a byte and in memory only has nothing to lose.
 */
bool pinned_is_new_memfd(int pinned, const struct stat *status,
			 const char *name)
{
	char path[32], wanted[128], found[sizeof(wanted)];
	struct statfs system;
	ssize_t size;

	snprintf(wanted, sizeof(wanted), "/memfd:%s (deleted)", name);
	pinned_path(pinned, path, sizeof(path));
	size = readlink(path, found, sizeof(found));
	return size == (ssize_t)strlen(wanted) &&
	       !memcmp(found, wanted, (size_t)size) && !status->st_nlink &&
	       !status->st_size && !fstatfs(pinned, &system) &&
	       system.f_type == TMPFS_MAGIC;
}
