#include "namespace.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static int write_line(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC), r = 0;

	if (fd < 0)
		return -errno;
	if (write(fd, text, strlen(text)) != (ssize_t)strlen(text))
		r = -errno;
	close(fd);
	return r;
}

/* The only mapping that a process may write for itself: its own number. */
static int keep_own_number(uid_t user, gid_t group)
{
	char line[64];
	int r = write_line("/proc/self/setgroups", "deny");

	if (r && r != -ENOENT)
		return r;
	snprintf(line, sizeof(line), "%u %u 1", group, group);
	r = write_line("/proc/self/gid_map", line);
	if (r)
		return r;
	snprintf(line, sizeof(line), "%u %u 1", user, user);
	return write_line("/proc/self/uid_map", line);
}

static int unshare_mounts(void)
{
	uid_t user = geteuid();
	gid_t group = getegid();

	if (!unshare(CLONE_NEWNS))
		return 0;
	/* Nobody's privileges are needed inside a user namespace. */
	if (unshare(CLONE_NEWUSER | CLONE_NEWNS) < 0)
		return -errno;
	return keep_own_number(user, group);
}

int namespace_enter(const char *directory, const char *place)
{
	struct stat want, got;
	int r = unshare_mounts();

	if (r)
		return r;
	/* First of all: no mount of ours may reach the rest of the system. */
	if (mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount(directory, place, NULL, MS_BIND | MS_REC, NULL) < 0 ||
	    stat(directory, &want) < 0 || stat(place, &got) < 0)
		return -errno;
	return want.st_ino == got.st_ino && want.st_dev == got.st_dev ? 0 :
									-EIO;
}

bool namespace_is_allowed(const char *directory, const char *place)
{
	int status;
	pid_t pid = fork();

	if (pid < 0)
		return false;
	if (!pid)
		_exit(namespace_enter(directory, place) ? 1 : 0);
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return false;
	return WIFEXITED(status) && !WEXITSTATUS(status);
}
