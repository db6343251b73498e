/*
 * A parent as a shell is one: starts the program of its arguments and counts
 * every stop and continuation that it is told of: when it asks, by SIGCHLD, and
 * by a thread that waits for nothing else. Its own input and output serve the
 * test; the child's commands are passed on.
 */
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/wait.h>

#include "target.h"

static pid_t child;
static int child_input;
static int nr_stops;
static atomic_int nr_signals, nr_woken;

static void on_child(int number)
{
	(void)number;
	atomic_fetch_add(&nr_signals, 1);
}

/* Leaves what it sees for the others to see, too. */
static void *wait_run(void *unused)
{
	siginfo_t info;

	while (!waitid(P_PID, (id_t)child, &info,
		       WSTOPPED | WCONTINUED | WEXITED | WNOWAIT)) {
		atomic_fetch_add(&nr_woken, 1);
		usleep(1000);
	}
	return unused;
}

/* Takes note of what happened to the child so far. */
static void stops_count(void)
{
	siginfo_t info;

	for (;;) {
		memset(&info, 0, sizeof(info));
		if (waitid(P_PID, (id_t)child, &info,
			   WSTOPPED | WCONTINUED | WEXITED | WNOHANG) ||
		    !info.si_pid)
			return;
		nr_stops++;
	}
}

static void do_child(int nr, char **args)
{
	(void)nr, (void)args;
	answer("%d", child);
}

static void do_stops(int nr, char **args)
{
	(void)nr, (void)args;
	stops_count();
	answer("%d", nr_stops + atomic_load(&nr_signals) +
			     atomic_load(&nr_woken));
}

/* Passes a line to the child, which answers itself: the output is shared. */
static void do_pass(int nr, char **args)
{
	for (int i = 1; i < nr; i++)
		dprintf(child_input, "%s%c", args[i], i + 1 < nr ? ' ' : '\n');
}

int main(int argc, char **argv)
{
	static const struct command commands[] = {
		{ "child", do_child },
		{ "stops", do_stops },
		{ "pass", do_pass },
		{ NULL, NULL },
	};
	struct sigaction action = { .sa_handler = on_child,
				    .sa_flags = SA_RESTART };
	pthread_t thread;
	int input[2];

	if (argc < 2 || pipe2(input, O_CLOEXEC))
		return 1;
	child = fork();
	if (!child) {
		dup2(input[0], STDIN_FILENO);
		execv(argv[1], argv + 1);
		_exit(127);
	}
	child_input = input[1];
	sigaction(SIGCHLD, &action, NULL);
	if (pthread_create(&thread, NULL, wait_run, NULL))
		return 1;
	/* The child's "ready" is the one that the test waits for. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	target_serve(commands);
	return 0;
}
