#include "build_cache.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>

#include "../../lib/cleanup.h"
#include "../../lib/io.h"
#include "../array.h"
#include "../command.h"
#include "copy_tree.h"
#include "tree_digest.h"

int build_cache_lock(const char *cache, const char *key, struct hf_diag *diag)
{
	owned(free_p) char *path = text_format("%s/%s.lock", cache, key);
	owned(close_p) int fd = -1;
	int r;

	if (!path)
		return hf_fail(diag, -ENOMEM, "cannot lock %s", cache);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
	if (fd < 0)
		return hf_fail(diag, -errno, "cannot create %s", path);
	while (flock(fd, LOCK_EX) < 0) {
		r = errno == EINTR ? command_stopped(diag) :
				     hf_fail(diag, -errno, "cannot lock %s",
					     path);
		if (r)
			return r;
	}
	return take_fd(&fd);
}

/* Of both trees; "" when they cannot be read. */
static void measure(const char *directory, char text[HEX_SIZE(SHA256_SIZE)])
{
	static const char *const names[] = { "built", "original" };
	struct tree_digest *digest = tree_digest_new();
	int r = digest ? 0 : -ENOMEM;

	for (size_t i = 0; i < sizeof(names) / sizeof(*names) && !r; i++) {
		owned(free_p) char *path =
			text_format("%s/%s", directory, names[i]);

		r = path ? tree_digest_add(digest, path, false, NULL) : -ENOMEM;
	}
	if (digest)
		tree_digest_finish(digest, text);
	if (r)
		*text = '\0';
}

bool build_cache_is_whole(const char *directory)
{
	owned(free_p) char *path = text_format("%s/built.digest", directory);
	char is[HEX_SIZE(SHA256_SIZE)] = "";
	struct buffer want = { 0 };
	bool whole;

	if (!path || access(path, F_OK) < 0 ||
	    file_read(AT_FDCWD, path, sizeof(is), &want, NULL))
		return false;
	measure(directory, is);
	whole = *is && !strcmp(is, (const char *)want.data);
	buffer_release(&want);
	return whole;
}

static int write_digest(const char *path, const char *text)
{
	owned(close_p) int fd =
		open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	int r = fd < 0 ? -errno : write_full_at(fd, text, strlen(text), 0);

	/* All of the file system: the two trees must be there before. */
	if (!r && (syncfs(fd) < 0 || fsync(fd) < 0))
		r = -errno;
	return r;
}

static int seal(const char *directory, struct hf_diag *diag)
{
	owned(free_p) char *path = text_format("%s/built.digest", directory);
	owned(free_p) char *new = text_format("%s/built.digest.new", directory);
	char text[HEX_SIZE(SHA256_SIZE)] = "";
	int r = path && new ? 0 : -ENOMEM;

	measure(directory, text);
	if (!r && !*text)
		r = -EIO;
	if (!r)
		r = write_digest(new, text);
	if (!r && rename(new, path) < 0)
		r = -errno;
	return r ? hf_fail(diag, r, "cannot keep the build in %s", directory) :
		   0;
}

int build_cache_keep(const char *directory, struct hf_diag *diag)
{
	owned(free_p) char *tree = text_format("%s/tree", directory);
	owned(free_p) char *built = text_format("%s/built", directory);
	int r;

	if (!tree || !built)
		return hf_fail(diag, -ENOMEM, "cannot keep the build");
	r = tree_remove(built, diag);
	if (!r)
		r = tree_copy(tree, built, diag);
	return r ? r : seal(directory, diag);
}
