#include "patch_store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "../lib/digest.h"
#include "../lib/io.h"
#include "publish_file.h"
#include "signature.h"
#include "state_dir.h"

#define DIRECTORY "patches"

static int copy_path(const uint8_t *digest, char ret_path[PATH_MAX],
		     struct hf_diag *diag)
{
	char name[sizeof(DIRECTORY) + HEX_SIZE(SHA256_SIZE)] = DIRECTORY "/";

	hex_encode(digest, SHA256_SIZE, name + sizeof(DIRECTORY));
	return state_path(name, ret_path, diag);
}

int patch_store_find(const uint8_t digest[SHA256_SIZE], char ret_path[PATH_MAX])
{
	return copy_path(digest, ret_path, NULL) || access(ret_path, R_OK) ?
		       -ENOENT : 0;
}

static int copy_keep(const char *path, const struct buffer *bytes,
		     struct hf_diag *diag)
{
	char directory[PATH_MAX];
	int r = state_directory_in(DIRECTORY, directory, diag);

	return r ? r : publish_file(path, bytes->data, bytes->size, 0400, diag);
}

int patch_store_keep(const struct patch_file *patch, struct hf_diag *diag)
{
	char path[PATH_MAX];
	int r = copy_path(patch->digest, path, diag);

	if (r == 0 && access(path, F_OK))
		r = copy_keep(path, &patch->bytes, diag);
	return r ? hf_context(diag, r, "no copy of the patch is kept") : 0;
}

int patch_store_keep_signature(const struct patch_file *patch, const char *path,
			       struct hf_diag *diag)
{
	char from[PATH_MAX + sizeof(SIGNATURE_SUFFIX)];
	char copy[PATH_MAX], to[PATH_MAX + sizeof(SIGNATURE_SUFFIX)];
	struct buffer bytes = { 0 };
	int r = copy_path(patch->digest, copy, diag);

	if (r)
		return r;
	snprintf(to, sizeof(to), "%s" SIGNATURE_SUFFIX, copy);
	snprintf(from, sizeof(from), "%s" SIGNATURE_SUFFIX, path);
	r = file_read(AT_FDCWD, from, SIGNATURE_FILE_MAX, &bytes, diag);
	if (r == 0)
		r = copy_keep(to, &bytes, diag);
	buffer_release(&bytes);
	return r == -ENOENT ? 0 : r;
}
