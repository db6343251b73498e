/*
 * prefork: quotes the postage of parcels. The master opens the socket and
 * forks the workers that serve it; it forks another where one died.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../common/net.h"
#include "worker.h"

#define NR_WORKERS 6

static pid_t workers[NR_WORKERS]; /* 0 where a fork failed */

static void worker_fork(int listener, pid_t *ret_worker)
{
	pid_t master = getpid(), pid = fork();

	if (!pid) {
		/* No worker outlives the master. */
		prctl(PR_SET_PDEATHSIG, SIGTERM);
		if (getppid() != master)
			_exit(0);
		worker_run(listener);
	}
	if (pid < 0)
		fprintf(stderr, "prefork: cannot fork: %s\n", strerror(errno));
	*ret_worker = pid > 0 ? pid : 0;
}

static void workers_refill(int listener)
{
	for (int i = 0; i < NR_WORKERS; i++)
		if (!workers[i])
			worker_fork(listener, &workers[i]);
}

static void workers_reap(void)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		if (WIFSIGNALED(status))
			fprintf(stderr, "prefork: worker %d died of SIG%s\n",
				pid, sigabbrev_np(WTERMSIG(status)));
		else
			fprintf(stderr, "prefork: worker %d ended\n", pid);
		for (int i = 0; i < NR_WORKERS; i++)
			if (workers[i] == pid)
				workers[i] = 0;
	}
}

static void workers_stop(void)
{
	for (int i = 0; i < NR_WORKERS; i++)
		if (workers[i])
			kill(workers[i], SIGTERM);
	while (wait(NULL) > 0 || errno == EINTR)
		;
}

int main(int argc, char **argv)
{
	int listener = net_listen(net_port_argument(argc, argv));
	const struct timespec second = { .tv_sec = 1 };
	sigset_t signals;

	if (listener < 0 || fcntl(listener, F_SETFL, O_NONBLOCK)) {
		fprintf(stderr, "prefork: cannot listen: %s\n",
			strerror(listener < 0 ? -listener : errno));
		return 1;
	}
	/* The workers inherit the mask, and wait for SIGTERM with a signalfd. */
	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGCHLD);
	sigprocmask(SIG_BLOCK, &signals, NULL);

	workers_refill(listener);
	net_announce("prefork", listener);
	for (;;) {
		/* The second is for forks that failed. */
		int signal = sigtimedwait(&signals, NULL, &second);

		if (signal == SIGTERM || signal == SIGINT)
			break;
		workers_reap();
		workers_refill(listener);
	}
	workers_stop();
	return 0;
}
