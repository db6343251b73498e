/*
 * Processes for live tests in C: started, waited for, ended by their id.
 *
 *   struct child child;
 *
 *   child_start(&child, "spinner", "16");     tests/targets/spinner 16
 *   child_fork(&child, function, argument);   or a fork of ourselves
 *   ...
 *   child_end(&child);
 *
 * A child is ready when it has printed the line "ready"; what it prints later
 * is read with child_line(), and child_say() writes to its standard input. A
 * child that dies or keeps silent for long ends the test program with a reason:
 * no test can go on then.
 */
#pragma once

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define CHILD_PATIENCE_MS 30000

struct child {
	pid_t pid;
	int in;	 /* write: its standard input */
	int out; /* read: its standard output */
};

static inline void child_die(const char *what, const struct child *child)
{
	printf("Bail out! process %d: %s (%s)\n", (int)child->pid, what,
	       strerror(errno));
	if (child->pid > 0)
		kill(child->pid, SIGKILL);
	exit(99);
}

static inline const char *child_target_path(const char *name)
{
	static char path[4096];
	const char *build = getenv("HOTFIX_O");

	snprintf(path, sizeof(path), "%s/tests/targets/%s",
		 build ? build : "build", name);
	return path;
}

/* One line without its end. Return: false at the end of the output. */
static inline bool child_line(struct child *child, char *text, size_t size)
{
	size_t used = 0;

	for (;;) {
		struct pollfd fd = { .fd = child->out, .events = POLLIN };
		ssize_t n;
		char c;

		if (poll(&fd, 1, CHILD_PATIENCE_MS) <= 0)
			child_die("says nothing", child);
		n = read(child->out, &c, 1);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0 || c == '\n') {
			text[used] = '\0';
			return n > 0;
		}
		if (used + 1 < size)
			text[used++] = c;
	}
}

static inline void child_say(struct child *child, const char *text)
{
	size_t size = strlen(text);

	if (write(child->in, text, size) != (ssize_t)size)
		child_die("does not listen", child);
}

static inline void child_wait_ready(struct child *child)
{
	char line[256];

	do
		if (!child_line(child, line, sizeof(line)))
			child_die("ended before it was ready", child);
	while (strcmp(line, "ready"));
}

/* In the child: its ends of the pipes become standard input and output. */
static inline void child_take_pipes(int in[2], int out[2])
{
	/* It must not outlive a test that crashes. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	dup2(in[0], STDIN_FILENO);
	dup2(out[1], STDOUT_FILENO);
	close(in[0]);
	close(in[1]);
	close(out[0]);
	close(out[1]);
	setvbuf(stdout, NULL, _IOLBF, 0);
}

/* Return: as fork(); the child has its pipes. */
static inline pid_t child_new(struct child *child)
{
	int in[2], out[2];

	child->pid = 0;
	if (pipe2(in, O_CLOEXEC) || pipe2(out, O_CLOEXEC))
		child_die("no pipe", child);
	fflush(stdout);
	child->pid = fork();
	if (child->pid < 0)
		child_die("no fork", child);
	if (!child->pid) {
		child_take_pipes(in, out);
		return 0;
	}
	close(in[0]);
	close(out[1]);
	child->in = in[1];
	child->out = out[0];
	return child->pid;
}

/* Runs a program, NULL-terminated arguments; not yet ready. */
static inline void child_exec(struct child *child, char *const argv[])
{
	if (child_new(child))
		return;
	execv(argv[0], argv);
	printf("cannot execute %s: %s\n", argv[0], strerror(errno));
	_exit(127);
}

/* Starts tests/targets/NAME with up to three arguments and waits for it. */
#define child_start(child, ...)                                                \
	child_start_((child), (const char *[5]){ __VA_ARGS__ })
static inline void child_start_(struct child *child, const char *const args[5])
{
	char *argv[5] = { (char *)(uintptr_t)child_target_path(args[0]) };

	for (int i = 1; i < 4 && args[i]; i++)
		argv[i] = (char *)(uintptr_t)args[i];
	child_exec(child, argv);
	child_wait_ready(child);
}

/* Runs @function in a fork; it must print "ready\n" and need not return. */
static inline void child_fork(struct child *child, void (*function)(void *),
			      void *argument)
{
	if (child_new(child)) {
		child_wait_ready(child);
		return;
	}
	function(argument);
	_exit(0);
}

/* Waits for its end. Return: status of waitpid(), -1 when it was not there. */
static inline int child_reap(struct child *child)
{
	int status = -1;

	if (child->pid > 0)
		while (waitpid(child->pid, &status, __WALL) < 0)
			if (errno != EINTR) /* a tracer may have reaped it */
				break;
	child->pid = 0;
	return status;
}

/* Ends it, whatever it does. */
static inline void child_end(struct child *child)
{
	if (child->pid > 0)
		kill(child->pid, SIGKILL);
	child_reap(child);
	close(child->in);
	close(child->out);
}

/* State letter of a process or thread, from /proc. */
static inline char child_state(pid_t pid)
{
	char path[64], text[512];
	char *end;
	int fd;
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
	if (fd >= 0)
		close(fd);
	if (n <= 0)
		return 'X';
	text[n] = '\0';
	end = strrchr(text, ')');
	return end ? end[2] : 'X';
}

/* Waits until a process is in one of the @states. Return: false in vain. */
static inline bool child_wait_state(pid_t pid, const char *states)
{
	struct timespec nap = { .tv_nsec = 1000000 };

	for (int i = 0; i < CHILD_PATIENCE_MS; i++) {
		if (strchr(states, child_state(pid)))
			return true;
		nanosleep(&nap, NULL);
	}
	return false;
}
