#include "watch_lock.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/file.h>
#include <unistd.h>

#include "../lib/cleanup.h"
#include "state_dir.h"

#define LOCK_NAME "watch.lock"

static int lock_open(int flags, int *ret_fd, struct hf_diag *diag)
{
	char path[PATH_MAX];
	int r = state_path(LOCK_NAME, path, diag);

	if (r)
		return r;
	*ret_fd = open(path, flags | O_CLOEXEC, 0600);
	return *ret_fd < 0 ? hf_fail(diag, -errno, "cannot open %s", path) : 0;
}

bool watch_is_running(void)
{
	owned(close_p) int fd = -1;

	return !lock_open(O_RDONLY, &fd, NULL) &&
	       flock(fd, LOCK_EX | LOCK_NB) && errno == EWOULDBLOCK;
}

int watch_lock_take(int *ret_fd, struct hf_diag *diag)
{
	int r = state_directory_make(diag);

	if (r == 0)
		r = lock_open(O_RDWR | O_CREAT, ret_fd, diag);
	if (r == 0 && flock(*ret_fd, LOCK_EX | LOCK_NB)) {
		hf_error(diag, -EBUSY, "watched",
			 "another `hotfix watch` of this user runs already");
		hf_hint(diag, "one is enough: it sees what `hotfix keep` does");
		r = -EBUSY;
	}
	return r;
}
