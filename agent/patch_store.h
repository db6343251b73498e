/*
 * A copy of each patch file that was applied, under its SHA-256 (state_dir.h): what
 * runs somewhere can be looked at, though its file has gone.
 */
#pragma once

#include <limits.h>

#include "../lib/patch_file.h"

/* Return: 0, also when it is there already; -errno. The directory of the state is
 * there. */
int patch_store_keep(const struct patch_file *patch, struct hf_diag *diag);

/* The same for the signature beside the patch file at @path, if there is one. */
int patch_store_keep_signature(const struct patch_file *patch, const char *path,
			       struct hf_diag *diag);

/* Where the copy with @digest is. Return: 0; -ENOENT: nowhere. */
int patch_store_find(const uint8_t digest[SHA256_SIZE],
		     char ret_path[PATH_MAX]);
