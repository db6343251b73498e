/*
 * The least that any patcher can do which stops the world: seize all threads,
 * interrupt all, wait for all, write 5 bytes over themselves, detach all.
 *
 *   floor PID ADDRESS
 *
 * No look at any stack, no check of anything: a lower bound to compare with.
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

static pid_t tids[4096];
static int nr;

static void seize_all(pid_t pid)
{
	char path[64];
	struct dirent *entry;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/task", pid);
	dir = opendir(path);
	while (dir && (entry = readdir(dir)) && nr < 4096) {
		pid_t tid = atoi(entry->d_name);

		if (tid > 0 && !ptrace(PTRACE_SEIZE, tid, 0, 0))
			tids[nr++] = tid;
	}
	if (dir)
		closedir(dir);
}

int main(int argc, char **argv)
{
	off_t address = argc > 2 ? (off_t)strtoull(argv[2], NULL, 0) : 0;
	pid_t pid = argc > 1 ? atoi(argv[1]) : 0;
	unsigned char bytes[5];
	char path[64];
	int status, mem, done;

	snprintf(path, sizeof(path), "/proc/%d/mem", pid);
	mem = open(path, O_RDWR | O_CLOEXEC);
	if (mem < 0 || pread(mem, bytes, 5, address) != 5)
		return 1;
	seize_all(pid);
	for (int i = 0; i < nr; i++)
		ptrace(PTRACE_INTERRUPT, tids[i], 0, 0);
	for (int i = 0; i < nr; i++)
		waitpid(tids[i], &status, __WALL);
	done = pwrite(mem, bytes, 5, address) == 5;
	for (int i = 0; i < nr; i++)
		ptrace(PTRACE_DETACH, tids[i], 0, 0);
	return !done || !nr;
}
