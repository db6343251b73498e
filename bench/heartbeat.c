/*
 * A target that feels its own pauses.
 *
 *   heartbeat SLEEPERS [beat | busy]
 *
 * One thread calls work() without pause and keeps the largest gap between two
 * turns; SLEEPERS threads sleep until a point in time, one after another through
 * a fifth of a second, and keep by how much they woke too late. "beat": with
 * real-time priority, the one that works on the last processor, those that sleep
 * on the first, so that the scheduler adds little of its own. "busy": as
 * ordinary threads. A tenth of the time it rests: the kernel takes the processor
 * from a real-time thread that never does (sched_rt_runtime_us), for 50 ms.
 *
 * Commands on standard input, one answer line each:
 *   address   where work() is
 *   begin     forget what was kept
 *   end       "GAP_NS CALLS P50_NS P99_NS MAX_NS": largest gap since begin, calls
 *             made since; of the sleepers' largest latenesses
 *   calls N   "NS": nanoseconds for N calls made by the asking thread
 */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "work.h"

static _Atomic uint64_t largest_gap_ns, calls;
static _Atomic int reset;

#define SLEEPERS_MAX 4096
#define PERIOD_NS 200000000ull
static _Atomic uint64_t lateness_ns[SLEEPERS_MAX];
static int nr_sleepers;

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static void *beat(void *unused)
{
	const struct timespec rest_time = { .tv_nsec = 1000000 };
	uint64_t before = now_ns(), value = 1, rest_at = before;

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
		if (now >= rest_at) {
			nanosleep(&rest_time, NULL);
			before = now_ns();
			rest_at = before + 9 * 1000000u;
		}
	}
	return NULL;
}

static void *rest(void *argument)
{
	_Atomic uint64_t *latest = argument;
	uint64_t nr = (uint64_t)(latest - lateness_ns);
	uint64_t next = now_ns() / PERIOD_NS * PERIOD_NS +
			PERIOD_NS * nr / (uint64_t)nr_sleepers;

	for (;;) {
		struct timespec until;
		uint64_t late;

		next += PERIOD_NS;
		until.tv_sec = (time_t)(next / 1000000000u);
		until.tv_nsec = (long)(next % 1000000000u);
		while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until,
				       NULL))
			;
		late = now_ns() - next;
		if (late > *latest)
			*latest = late;
	}
	return NULL;
}

static void start(void *(*function)(void *), void *argument, int priority,
		  long processor)
{
	struct sched_param param = { .sched_priority = priority };
	pthread_attr_t attributes;
	pthread_t thread;
	cpu_set_t cpus;

	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, 64 * 1024);
	if (pthread_create(&thread, &attributes, function, argument))
		exit(1);
	CPU_ZERO(&cpus);
	CPU_SET((size_t)processor, &cpus);
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

static int compare(const void *a, const void *b)
{
	uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;

	return (left > right) - (left < right);
}

static void print_end(void)
{
	static uint64_t sorted[SLEEPERS_MAX + 1];
	size_t nr = (size_t)nr_sleepers;

	for (size_t i = 0; i < nr; i++)
		sorted[i] = lateness_ns[i];
	qsort(sorted, nr, sizeof(*sorted), compare);
	printf("%lu %lu %lu %lu %lu\n", (unsigned long)largest_gap_ns,
	       (unsigned long)calls, (unsigned long)sorted[nr / 2],
	       (unsigned long)sorted[nr * 99 / 100],
	       (unsigned long)sorted[nr ? nr - 1 : 0]);
}

static void forget(void)
{
	calls = 0;
	reset = 1;
	for (int i = 0; i < nr_sleepers; i++)
		lateness_ns[i] = 0;
}

int main(int argc, char **argv)
{
	long last = sysconf(_SC_NPROCESSORS_ONLN) - 1;
	/* A spinning real-time thread on a single processor would starve us. */
	bool real_time = argc > 2 && !strcmp(argv[2], "beat") && last > 0;
	char line[64];

	nr_sleepers = argc > 1 ? atoi(argv[1]) : 0;
	if (nr_sleepers < 0 || nr_sleepers > SLEEPERS_MAX)
		return 2;

	setvbuf(stdout, NULL, _IOLBF, 0);
	for (int i = 0; i < nr_sleepers; i++)
		start(rest, &lateness_ns[i], real_time ? 10 : 0, 0);
	if (argc > 2)
		start(beat, NULL, real_time ? 10 : 0, last);
	puts("ready");
	while (fgets(line, sizeof(line), stdin)) {
		if (!strncmp(line, "address", 7)) {
			printf("%#lx\n", (unsigned long)work);
		} else if (!strncmp(line, "begin", 5)) {
			forget();
			puts("ok");
		} else if (!strncmp(line, "end", 3)) {
			print_end();
		} else if (!strncmp(line, "calls", 5)) {
			printf("%lu\n",
			       (unsigned long)time_calls(atol(line + 5)));
		}
	}
	return 0;
}
