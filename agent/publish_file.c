#include "publish_file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../lib/cleanup.h"
#include "../lib/io.h"

static int place_check(const char *path, struct hf_diag *diag)
{
	struct stat status;

	if (lstat(path, &status) || S_ISREG(status.st_mode))
		return 0;
	hf_error(diag, -EEXIST, "output", "%s is no regular file, and is left "
					  "as it is", path);
	hf_hint(diag, "name another file, or write to standard output: -o -");
	return -EEXIST;
}

static int made_write(const char *made, const void *bytes, size_t size,
		      mode_t mode)
{
	owned(close_p) int fd = open(
		made, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
	int r;

	if (fd < 0)
		return -errno;
	r = write_full(fd, bytes, size);
	return r ? r : fsync(fd) ? -errno : 0;
}

int publish_file(const char *path, const void *bytes, size_t size, mode_t mode,
		 struct hf_diag *diag)
{
	char made[PATH_MAX];
	int r = place_check(path, diag);

	if (r)
		return r;
	r = snprintf(made, sizeof(made), "%s.%d.tmp", path, (int)getpid());
	if (r < 0 || (size_t)r >= sizeof(made))
		return hf_fail(diag, -ENAMETOOLONG, "cannot write %s", path);
	r = made_write(made, bytes, size, mode);
	if (r == 0 && rename(made, path))
		r = -errno;
	if (r && r != -EEXIST)
		unlink(made);
	return r ? hf_fail(diag, r, "cannot write %s", path) : 0;
}
