/*
 * checkout: the API behind a shop's "buy" button. Four worker threads serve
 * HTTP; the main thread waits for SIGTERM or SIGINT and then stops them.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "../common/net.h"
#include "server.h"

#define NR_WORKERS 4

static int listener, stop;

static _Noreturn void die(const char *what, int error)
{
	fprintf(stderr, "checkout: %s: %s\n", what, strerror(error));
	exit(1);
}

static void *worker_main(void *arg)
{
	int r = server_work(listener, stop);

	if (r < 0)
		die("cannot start a worker", -r);
	return arg;
}

int main(int argc, char **argv)
{
	pthread_t workers[NR_WORKERS];
	sigset_t signals;
	int r, signal;

	listener = net_listen(net_port_argument(argc, argv));
	if (listener < 0)
		die("cannot listen", -listener);
	stop = eventfd(0, EFD_CLOEXEC);
	if (stop < 0 || fcntl(listener, F_SETFL, O_NONBLOCK))
		die("cannot start", errno);

	/* Blocked in every thread, taken by sigwait() in this one. */
	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	pthread_sigmask(SIG_BLOCK, &signals, NULL);

	for (int i = 0; i < NR_WORKERS; i++) {
		r = pthread_create(&workers[i], NULL, worker_main, NULL);
		if (r)
			die("cannot start a thread", r);
	}
	net_announce("checkout", listener);

	sigwait(&signals, &signal);
	if (eventfd_write(stop, 1))
		die("cannot stop", errno);
	for (int i = 0; i < NR_WORKERS; i++)
		pthread_join(workers[i], NULL);
	return 0;
}
