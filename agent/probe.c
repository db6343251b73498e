#include "probe.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../lib/cleanup.h"
#include "../lib/text.h"
#include "clock.h"

/* What is shown of what it says: the end of it. */
#define SAID_MAX 400
#define LOOK_GAP_MS 20

struct said {
	char text[2 * SAID_MAX + 1];
	size_t size;
};

static void child_run(const char *command, int output)
{
	int nothing = open("/dev/null", O_RDONLY);
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
	setpgid(0, 0);
	if (nothing < 0 || dup2(nothing, STDIN_FILENO) < 0 ||
	    dup2(output, STDOUT_FILENO) < 0 || dup2(output, STDERR_FILENO) < 0)
		_exit(126);
	execl("/bin/sh", "sh", "-c", command, (char *)NULL);
	_exit(127);
}

/* Keeps the last SAID_MAX bytes at least. */
static void said_add(struct said *said, const char *bytes, size_t size)
{
	if (said->size + size > 2 * SAID_MAX) {
		size_t kept = said->size < SAID_MAX ? said->size : SAID_MAX;

		memmove(said->text, said->text + said->size - kept, kept);
		said->size = kept;
	}
	memcpy(said->text + said->size, bytes, size);
	said->size += size;
}

/* What is there to be read. Return: whether there may be more. */
static bool said_read(struct said *said, int output)
{
	struct pollfd end = { .fd = output, .events = POLLIN };
	char bytes[SAID_MAX];
	ssize_t size;

	if (poll(&end, 1, LOOK_GAP_MS) <= 0)
		return true;
	size = read(output, bytes, sizeof(bytes));
	if (size > 0)
		said_add(said, bytes, (size_t)size);
	return size > 0 || (size < 0 && errno == EINTR);
}

/* On one line. */
static const char *said_end(struct said *said)
{
	char *start = said->text;

	said->text[said->size] = '\0';
	if (said->size > SAID_MAX)
		start += said->size - SAID_MAX;
	while (said->size && strchr("\n ", said->text[said->size - 1]))
		said->text[--said->size] = '\0';
	text_one_line(start);
	return start;
}

/* Return: 0 with its status; -ETIMEDOUT it had to be ended. */
static int child_wait(pid_t child, int output, struct said *said,
		      int *ret_status)
{
	uint64_t deadline_ns = monotonic_ns() + PROBE_LIMIT_MS * NS_PER_MS;
	bool more = true;

	for (;;) {
		pid_t r = waitpid(child, ret_status, WNOHANG);

		if (r == child || (r < 0 && errno != EINTR)) {
			while (more && poll(&(struct pollfd){ .fd = output,
							      .events = POLLIN },
					    1, 0) > 0)
				more = said_read(said, output);
			return 0;
		}
		if (monotonic_ns() >= deadline_ns)
			break;
		if (more)
			more = said_read(said, output);
		else
			sleep_ns(LOOK_GAP_MS * NS_PER_MS);
	}
	kill(-child, SIGKILL);
	kill(child, SIGKILL);
	while (waitpid(child, ret_status, 0) < 0 && errno == EINTR)
		;
	return -ETIMEDOUT;
}

static int status_refuse(int status, const char *said, struct hf_diag *diag)
{
	const char *colon = *said ? ": " : "";

	if (WIFSIGNALED(status))
		return hf_refuse(diag, "probe-failed",
				 "the probe was killed by signal %d%s%s",
				 WTERMSIG(status), colon, said);
	return hf_refuse(diag, "probe-failed",
			 "the probe has failed with status %d%s%s",
			 WEXITSTATUS(status), colon, said);
}

int probe_run(const char *command, struct hf_diag *diag)
{
	struct said said = { 0 };
	int ends[2], status = 0, r;
	pid_t child;

	if (pipe2(ends, O_CLOEXEC))
		return hf_fail(diag, -errno, "cannot run the probe");
	child = fork();
	r = -errno;
	if (!child)
		child_run(command, ends[1]);
	close(ends[1]);
	if (child > 0) {
		setpgid(child, child);
		r = child_wait(child, ends[0], &said, &status);
	}
	close(ends[0]);
	if (child < 0)
		return hf_fail(diag, r, "cannot run the probe");
	if (r == -ETIMEDOUT)
		return hf_refuse(diag, "probe-failed",
				 "the probe has not answered within %d s",
				 PROBE_LIMIT_MS / 1000);
	return status ? status_refuse(status, said_end(&said), diag) : 0;
}
