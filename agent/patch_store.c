#include "patch_store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../lib/cleanup.h"
#include "../lib/digest.h"
#include "../lib/io.h"
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

static int directory_make(void)
{
	char path[PATH_MAX];
	int r = state_path(DIRECTORY, path, NULL);

	if (r)
		return r;
	return mkdir(path, 0700) && errno != EEXIST ? -errno : 0;
}

/* Under another name until it is whole, and on disk. */
static int copy_write(const char *path, const struct buffer *bytes)
{
	char made[PATH_MAX];
	owned(close_p) int fd = -1;
	int r;

	r = snprintf(made, sizeof(made), "%s.%d", path, (int)getpid());
	if (r < 0 || (size_t)r >= sizeof(made))
		return -ENAMETOOLONG;
	fd = open(made, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0400);
	if (fd < 0)
		return -errno;
	r = write_full(fd, bytes->data, bytes->size);
	if (r == 0 && (fsync(fd) || rename(made, path)))
		r = -errno;
	if (r)
		unlink(made);
	return r;
}

int patch_store_keep(const struct patch_file *patch, struct hf_diag *diag)
{
	char path[PATH_MAX];
	int r = copy_path(patch->digest, path, diag);

	if (r || !access(path, F_OK))
		return r;
	r = directory_make();
	if (r == 0)
		r = copy_write(path, &patch->bytes);
	return r ? hf_fail(diag, r, "cannot keep a copy of the patch in %s",
			   path) : 0;
}

int patch_store_keep_signature(const struct patch_file *patch, const char *path,
			       struct hf_diag *diag)
{
	char from[PATH_MAX], to[PATH_MAX];
	struct buffer bytes = { 0 };
	int r = copy_path(patch->digest, to, diag);

	if (r)
		return r;
	strncat(to, SIGNATURE_SUFFIX, sizeof(to) - strlen(to) - 1);
	if (snprintf(from, sizeof(from), "%s" SIGNATURE_SUFFIX, path) >=
	    (int)sizeof(from))
		return hf_fail(diag, -ENAMETOOLONG, "%s", path);
	r = file_read(AT_FDCWD, from, SIGNATURE_FILE_MAX, &bytes, NULL);
	if (r == 0)
		r = copy_write(to, &bytes);
	buffer_release(&bytes);
	if (r == -ENOENT)
		return 0;
	return r ? hf_fail(diag, r, "cannot keep the signature in %s", to) : 0;
}
