#include "lock.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>

/* The holder of the flock on @inode, from /proc/locks; 0: not found. */
static pid_t lock_holder(uint64_t inode)
{
	owned(fclose_p) FILE *file = fopen("/proc/locks", "re");
	char line[256];

	while (file && fgets(line, sizeof(line), file)) {
		uint64_t found;
		int pid;

		if (sscanf(line, "%*d: FLOCK %*s %*s %d %*x:%*x:%" SCNu64, &pid,
			   &found) == 2 &&
		    found == inode)
			return pid;
	}
	return 0;
}

static int lock_busy(const struct process *process, struct hf_diag *diag)
{
	struct stat status;
	pid_t holder = 0;

	if (!fstat(process->mem, &status))
		holder = lock_holder(status.st_ino);
	hf_error(diag, -EBUSY, "busy",
		 "another hotfix%s%.0d is at work on pid %d (%s)",
		 holder ? ", pid " : "", holder, process->pid,
		 process->command);
	hf_hint(diag, "wait for it to finish and try again");
	return -EBUSY;
}

int process_lock(const struct process *process, unsigned int timeout_ms,
		 struct hf_diag *diag)
{
	static const struct timespec pause = { .tv_nsec = 5 * 1000 * 1000 };

	for (unsigned int waited_ms = 0;; waited_ms += 5) {
		if (!flock(process->mem, LOCK_EX | LOCK_NB))
			return 0;
		if (errno != EWOULDBLOCK)
			return hf_fail(diag, -errno, "cannot lock pid %d",
				       process->pid);
		if (waited_ms >= timeout_ms)
			return lock_busy(process, diag);
		nanosleep(&pause, NULL);
	}
}

bool process_locked(const struct process *process)
{
	if (flock(process->mem, LOCK_SH | LOCK_NB))
		return errno == EWOULDBLOCK;
	flock(process->mem, LOCK_UN);
	return false;
}
