/*
 * A file that is there whole, and on disk, or as it was before.
 */
#pragma once

#include <stddef.h>
#include <sys/types.h>

#include "../lib/diag.h"

/**
 * publish_file() - write @size bytes as @path, in one step for whoever reads it
 *
 * @mode: of the new file, less the umask
 *
 * Only a regular file is replaced: not a
 * device, a directory or a link.
 *
 * Return: 0; -EEXIST (code "usage") something else stands there; -errno.
 */
int publish_file(const char *path, const void *bytes, size_t size, mode_t mode,
		 struct hf_diag *diag);
