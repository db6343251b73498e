/*
 * A target that feels its own pauses.
 *
 *   heartbeat SLEEPERS [beat | busy]
 *
 * One thread calls work() without pause and keeps the largest gap between two
 * turns; SLEEPERS threads wait in poll(2). "beat": with real-time priority on the
 * last processor where that is allowed, so that the scheduler adds little of its
 * own. "busy": as an ordinary thread.
 *
 * Commands on standard input, one answer line each:
 *   address   where work() is
 *   begin     forget the largest gap
 *   end       "GAP_NS CALLS": largest gap since begin, calls made since
 *   calls N   "NS": nanoseconds for N calls made by the asking thread
 */
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "work.h"

static _Atomic uint64_t largest_gap_ns, calls;
static _Atomic int reset;

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static void *beat(void *unused)
{
	uint64_t before = now_ns(), value = 1;

	(void)unused;
	for (;;) {
		uint64_t now;

		value = work(value, 64);
		now = now_ns();
		if (atomic_exchange_explicit(&reset, 0, memory_order_relaxed))
			largest_gap_ns = 0;
		else if (now - before > largest_gap_ns)
			largest_gap_ns = now - before;
		before = now;
		calls++;
	}
	return NULL;
}

static void *rest(void *unused)
{
	(void)unused;
	for (;;)
		poll(NULL, 0, 3600 * 1000);
	return NULL;
}

static void start(void *(*function)(void *), int priority)
{
	struct sched_param param = { .sched_priority = priority };
	pthread_attr_t attributes;
	pthread_t thread;
	cpu_set_t cpus;

	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, 64 * 1024);
	if (pthread_create(&thread, &attributes, function, NULL))
		exit(1);
	CPU_ZERO(&cpus);
	CPU_SET((int)sysconf(_SC_NPROCESSORS_ONLN) - 1, &cpus);
	if (priority) {
		pthread_setaffinity_np(thread, sizeof(cpus), &cpus);
		pthread_setschedparam(thread, SCHED_FIFO, &param);
	}
}

static uint64_t time_calls(long nr)
{
	uint64_t began = now_ns(), value = 1;

	for (long i = 0; i < nr; i++)
		value = work(value, 64);
	if (!value)
		puts("");
	return now_ns() - began;
}

int main(int argc, char **argv)
{
	int sleepers = argc > 1 ? atoi(argv[1]) : 0;
	char line[64];

	setvbuf(stdout, NULL, _IOLBF, 0);
	for (int i = 0; i < sleepers; i++)
		start(rest, 0);
	/* A spinning real-time thread on a single processor would starve us. */
	if (argc > 2)
		start(beat, !strcmp(argv[2], "beat") &&
				    sysconf(_SC_NPROCESSORS_ONLN) > 1 ?
				    10 :
				    0);
	puts("ready");
	while (fgets(line, sizeof(line), stdin)) {
		if (!strncmp(line, "address", 7)) {
			printf("%#lx\n", (unsigned long)work);
		} else if (!strncmp(line, "begin", 5)) {
			calls = 0;
			reset = 1;
			puts("ok");
		} else if (!strncmp(line, "end", 3)) {
			printf("%lu %lu\n", (unsigned long)largest_gap_ns,
			       (unsigned long)calls);
		} else if (!strncmp(line, "calls", 5)) {
			printf("%lu\n",
			       (unsigned long)time_calls(atol(line + 5)));
		}
	}
	return 0;
}
