/*
 * A file for people that is there whole, or as it was before.
 */
#pragma once

#include <stddef.h>

#include "../lib/diag.h"

/**
 * publish_file() - write @size bytes as @path, in one step for whoever reads it
 *
 * Its mode is that of a new file (umask). Only a regular file is replaced: not a
 * device, a directory or a link.
 *
 * Return: 0; -EEXIST (code "usage") something else stands there; -errno.
 */
int publish_file(const char *path, const char *bytes, size_t size,
		 struct hf_diag *diag);
