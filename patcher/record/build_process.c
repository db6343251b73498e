#include "build_process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

#include "../../lib/cleanup.h"
#include "../command.h"
#include "build_log.h"
#include "build_progress.h"
#include "namespace.h"

#define REFRESH_MS 250
/* Where there is no pidfd, the end of the build is looked for this often. */
#define LOOK_MS 20
/* What has not ended this long after SIGTERM gets SIGKILL. */
#define PATIENCE_MS 5000

/* What the child could not do before it became the build command. */
enum start_step { STEP_NAMESPACE, STEP_DIRECTORY, STEP_OUTPUT, STEP_RUN };

struct start_failure {
	enum start_step step;
	int error;
};

struct running {
	const struct build_process *process;
	pid_t pid;
	int pidfd; /* -1: none */
	off_t log_start;
};

static _Noreturn void give_up(int report, enum start_step step, int error)
{
	struct start_failure failure = { step, error };
	ssize_t written = write(report, &failure, sizeof(failure));

	_exit(written == sizeof(failure) ? 126 : 127);
}

static void put_output(int log, int report)
{
	int nothing = open("/dev/null", O_RDONLY);

	if (nothing < 0 || dup2(nothing, STDIN_FILENO) < 0 ||
	    dup2(log, STDOUT_FILENO) < 0 || dup2(log, STDERR_FILENO) < 0)
		give_up(report, STEP_OUTPUT, errno);
}

/* A group of its own, so that all of it can be ended. */
static _Noreturn void become_build(const struct build_process *process, int log,
				   int report)
{
	sigset_t none;
	int r;

	setpgid(0, 0);
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	put_output(log, report);
	if (process->place) {
		r = namespace_enter(process->tree, process->place);
		if (r)
			give_up(report, STEP_NAMESPACE, -r);
	}
	if (chdir(process->place ?: process->tree) < 0)
		give_up(report, STEP_DIRECTORY, errno);
	execvpe(process->command->items[0], process->command->items,
		process->environment->items);
	give_up(report, STEP_RUN, errno);
}

static int say_why_not_started(const struct build_process *process,
			       const struct start_failure *failure,
			       struct hf_diag *diag)
{
	switch (failure->step) {
	case STEP_NAMESPACE:
		return hf_fail(diag, -failure->error,
			       "cannot put the copy of the source at %s",
			       process->place);
	case STEP_DIRECTORY:
		return hf_fail(diag, -failure->error, "cannot go to %s",
			       process->place ?: process->tree);
	case STEP_OUTPUT:
		return hf_fail(diag, -failure->error, "cannot write to %s",
			       process->log);
	case STEP_RUN:
		break;
	}
	hf_fail(diag, -failure->error, "cannot run the build command %s",
		process->command->items[0]);
	hf_hint(diag, "what stands behind -- is run as it is, without a shell, "
		      "in the source directory: for a line of shell write "
		      "-- sh -c 'LINE'");
	return -failure->error;
}

static int start(struct running *running, int log, struct hf_diag *diag)
{
	owned(close_p) int reader = -1, writer = -1;
	struct start_failure failure;
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) < 0)
		return hf_fail(diag, -errno, "cannot start the build");
	reader = ends[0];
	writer = ends[1];
	running->pid = fork();
	if (running->pid < 0)
		return hf_fail(diag, -errno, "cannot start the build");
	if (!running->pid)
		become_build(running->process, log, writer);
	/* Also here: whoever is first, the group is there. */
	setpgid(running->pid, running->pid);
	close(take_fd(&writer));
	if (read(reader, &failure, sizeof(failure)) ==
	    (ssize_t)sizeof(failure)) {
		waitpid(running->pid, NULL, 0);
		return say_why_not_started(running->process, &failure, diag);
	}
	running->pidfd = (int)syscall(SYS_pidfd_open, running->pid, 0);
	return 0;
}

static void wait_a_little(const struct running *running)
{
	struct pollfd ready = { .fd = running->pidfd, .events = POLLIN };

	poll(&ready, running->pidfd >= 0,
	     running->pidfd >= 0 ? REFRESH_MS : LOOK_MS);
}

/* Return: 1: it has ended, @status is set; 0: not yet; -errno. */
static int has_ended(const struct running *running, int *status)
{
	pid_t pid = waitpid(running->pid, status, WNOHANG);

	if (pid < 0 && errno != EINTR)
		return -errno;
	return pid == running->pid;
}

/* The whole group: make has children, and they have theirs. */
static void end_group(const struct running *running)
{
	int status, waited = 0;

	kill(-running->pid, SIGTERM);
	while (!has_ended(running, &status) && waited < PATIENCE_MS) {
		struct timespec look = { .tv_nsec = LOOK_MS * 1000000L };

		nanosleep(&look, NULL);
		waited += LOOK_MS;
	}
	kill(-running->pid, SIGKILL);
	while (waitpid(running->pid, &status, 0) < 0 && errno == EINTR)
		;
}

static int wait_for(struct running *running, int *ret_status,
		    struct hf_diag *diag)
{
	struct build_progress progress = { running->process->what,
					   running->process->compiles, false };
	int r;

	while (!(r = has_ended(running, ret_status))) {
		if (command_stopped(diag)) {
			end_group(running);
			r = -EINTR;
			break;
		}
		build_progress_show(&progress);
		wait_a_little(running);
	}
	build_progress_end(&progress);
	return r == 1 ? 0 : r == -EINTR ? r :
					  hf_fail(diag, r,
						  "cannot wait for the build");
}

static void add_log(const struct running *running, struct hf_diag *diag)
{
	struct strings lines = { 0 };

	build_log_lines(running->process->log, running->log_start, &lines);
	for (size_t i = 0; i < lines.nr; i++)
		hf_detail(diag, "  %s", lines.items[i]);
	strings_release(&lines);
}

static int say_failed(const struct running *running, int status,
		      struct hf_diag *diag)
{
	owned(free_p) char *command =
		strings_join(running->process->command);

	if (WIFSIGNALED(status))
		hf_error(diag, -EIO, "build-failed",
			 "building %s failed: %s was killed by signal %d",
			 running->process->what, command ?: "the command",
			 WTERMSIG(status));
	else
		hf_error(diag, -EIO, "build-failed",
			 "building %s failed: %s ended with status %d",
			 running->process->what, command ?: "the command",
			 WEXITSTATUS(status));
	add_log(running, diag);
	hf_hint(diag, "all that it printed is in %s", running->process->log);
	return -EIO;
}

static int open_log(struct running *running, int *ret_fd, struct hf_diag *diag)
{
	const struct build_process *process = running->process;
	owned(free_p) char *command = strings_join(process->command);
	owned(close_p) int fd = open(process->log, O_WRONLY | O_CREAT |
					     O_APPEND | O_CLOEXEC, 0644);
	struct stat st;

	if (fd < 0 || !command)
		return hf_fail(diag, fd < 0 ? -errno : -ENOMEM,
			       "cannot create %s", process->log);
	dprintf(fd, "== building %s: %s\n", process->what, command);
	if (fstat(fd, &st) < 0)
		return hf_fail(diag, -errno, "cannot write %s", process->log);
	running->log_start = st.st_size;
	*ret_fd = take_fd(&fd);
	return 0;
}

int build_process_run(const struct build_process *process, struct hf_diag *diag)
{
	owned(close_p) int log = -1;
	struct running running = { .process = process, .pidfd = -1 };
	int status = 0, r = command_stopped(diag);

	if (!r)
		r = open_log(&running, &log, diag);
	if (!r)
		r = start(&running, log, diag);
	if (r)
		return r;
	r = wait_for(&running, &status, diag);
	if (running.pidfd >= 0)
		close(running.pidfd);
	if (!r && (!WIFEXITED(status) || WEXITSTATUS(status)))
		r = say_failed(&running, status, diag);
	return r;
}
