/*
 * Files that a target names, by a path or by a descriptor of its own. It may
 * put another in that place at any instant, and /proc/PID/fd opens with our
 * rights what the target has opened with its own. So the file is pinned first,
 * which opens nothing and has no effect even on a FIFO or a device; then it is
 * looked at; and only that very file is opened.
 */
#pragma once

#include <stdbool.h>
#include <sys/stat.h>

#include "procfs.h"

/**
 * file_pin() - get hold of a file without opening it
 * @ret_status: of the pinned file
 *
 * Return: an O_PATH descriptor; -EMEDIUMTYPE no regular file; -errno.
 */
int file_pin(int dirfd, const char *path, struct stat *ret_status);

/* Opens what is pinned, and nothing else. Return: a descriptor; -errno. */
int file_unpin(int pinned, int flags);

/* file_pin() of what is mapped at exactly @mapping's addresses now. */
int mapping_pin(const struct process *process, const struct mapping *mapping,
		struct stat *ret_status);

/**
 * mapping_open() - the file that a mapping was made from, to be read
 *
 * The very inode, also when its path leads elsewhere by now. It may be that of
 * another moment than @mapping: the target maps what it likes.
 *
 * Return: a descriptor; -EMEDIUMTYPE no regular file; -errno.
 */
int mapping_open(const struct process *process, const struct mapping *mapping);

/* Whether what is pinned is a memfd called @name, and still empty. */
bool pinned_is_new_memfd(int pinned, const struct stat *status,
			 const char *name);
