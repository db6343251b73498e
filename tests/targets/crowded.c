/*
 * Threads that do nothing but call one function, over and over: at no moment
 * are all of them outside of it.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <sys/wait.h>
#include <time.h>

#include "target.h"

#define NR_THREADS_MAX 128

static volatile int version = 1;
static int work_us, depth;
static enum { SPIN, SLEEP, FORK } manner;
static pid_t process;
static _Thread_local int stays;
static atomic_ulong nr_calls[3]; /* by what they answered */
static atomic_ulong nr_rounds[NR_THREADS_MAX]; /* of each thread */
static int nr_threads;
static atomic_int nr_bad, nr_running;
static atomic_ulong longest_us; /* of a call, or between two */

static unsigned long now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (unsigned long)now.tv_sec * 1000000 +
	       (unsigned long)now.tv_nsec / 1000;
}

/* The child comes back too, to whoever called work(), and says how it was. */
static void fork_and_wait(void)
{
	pid_t child = fork();
	int status;

	if (child > 0 && (waitpid(child, &status, 0) != child || status))
		nr_bad++;
}

PATCHABLE void spend(void)
{
	const struct timespec nap = { 0, work_us * 1000l };
	unsigned long end = now_us() + (unsigned long)work_us;

	while (stays)
		pause();
	if (manner == FORK && getpid() == process)
		fork_and_wait();
	if (manner != SPIN)
		nanosleep(&nap, NULL);
	else
		while (now_us() < end)
			;
}

/* To be replaced. What it keeps in registers across the work must survive. */
PATCHABLE int work(int a, int b, int c)
{
	spend();
	return a + 10 * b + 100 * c + 1000 * version;
}

/* The same, deeper: the outermost of several activations counts. */
PATCHABLE int work_nested(int n, int a, int b, int c)
{
	int result;

	if (!n)
		return work(a, b, c);
	result = work_nested(n - 1, a, b, c);
	return result ? result : -n;
}

#ifdef CLEANUP
static void clean_up(double *kept)
{
	nr_bad += *kept > 0;
}
#define KEPT __attribute__((cleanup(clean_up))) double
#else
#define KEPT double
#endif

static void *work_for_ever(void *rounds)
{
	KEPT kept = 0.5;

	nr_running++;
	for (int i = 0;; i++) {
		int a = i % 10, b = i / 10 % 10, c = i / 100 % 10;
		int result = depth ? work_nested(depth, a, b, c) :
				     work(a, b, c);

		if (getpid() != process)
			_exit(result % 1000 != a + 10 * b + 100 * c);
		kept += 1;
		if (result % 1000 != a + 10 * b + 100 * c || result < 1000 ||
		    result >= 3000 || kept != i + 1.5)
			nr_bad++;
		else
			nr_calls[result / 1000]++;
		++*(atomic_ulong *)rounds;
	}
	return NULL;
}

/* Notices when it does not run: the process stands still. */
static void *watch(void *unused)
{
	const struct timespec nap = { 0, 50000 };
	unsigned long before = now_us();

	(void)unused;
	nr_running++;
	for (;;) {
		unsigned long now = now_us();

		if (now - before > longest_us)
			longest_us = now - before;
		before = now;
		nanosleep(&nap, NULL);
	}
	return NULL;
}

/* start THREADS US spin|sleep|fork [DEPTH] */
static void do_start(int nr, char **args)
{
	const char *how = nr > 3 ? args[3] : "spin";
	pthread_t thread;

	process = getpid();
	nr_threads = number(nr, args, 1);
	work_us = number(nr, args, 2);
	manner = *how == 'f' ? FORK : strcmp(how, "spin") ? SLEEP : SPIN;
	depth = number(nr, args, 4);
	pthread_create(&thread, NULL, watch, NULL);
	if (nr_threads > NR_THREADS_MAX)
		nr_threads = NR_THREADS_MAX;
	for (int i = 0; i < nr_threads; i++)
		if (pthread_create(&thread, NULL, work_for_ever, &nr_rounds[i]))
			_exit(4);
	while (nr_running <= nr_threads || !nr_calls[1])
		sched_yield();
	answer("started");
}

/* Until each thread has counted the call that it was in, returned or not. */
static void await_rounds(void)
{
	unsigned long before[NR_THREADS_MAX];

	for (int i = 0; i < nr_threads; i++)
		before[i] = nr_rounds[i];
	for (int i = 0; i < nr_threads; i++)
		while (nr_rounds[i] == before[i])
			sched_yield();
}

/* From now on: calls of the old and of the new, answers that were wrong. */
static void do_calls(int nr, char **args)
{
	(void)nr, (void)args;
	await_rounds();
	nr_calls[1] = nr_calls[2] = 0;
	await_rounds();
	answer("%lu %lu %d", nr_calls[1], nr_calls[2], nr_bad);
}

static void do_longest(int nr, char **args)
{
	(void)nr, (void)args;
	answer("%lu", atomic_exchange(&longest_us, 0));
}

static atomic_ulong nr_signals;

static void on_signal(int number)
{
	(void)number;
	nr_signals++;
}

/* signals US: one so often, to whichever thread. */
static void do_signals(int nr, char **args)
{
	struct itimerspec every = { 0 };
	struct sigevent event = { .sigev_notify = SIGEV_SIGNAL,
				  .sigev_signo = SIGALRM };
	struct sigaction action = { .sa_handler = on_signal,
				    .sa_flags = SA_RESTART };
	timer_t timer;

	every.it_interval.tv_nsec = every.it_value.tv_nsec =
		number(nr, args, 1) * 1000l;
	sigaction(SIGALRM, &action, NULL);
	if (timer_create(CLOCK_MONOTONIC, &event, &timer) ||
	    timer_settime(timer, 0, &every, NULL))
		_exit(5);
	while (!nr_signals)
		;
	answer("ok");
}

/* A thread that goes in and does not come out. */
static void *stay(void *unused)
{
	stays = 1;
	work(0, 0, 0);
	return unused;
}

static void do_stay(int nr, char **args)
{
	pthread_t thread;

	(void)nr, (void)args;
	pthread_create(&thread, NULL, stay, NULL);
	answer("ok");
}

static void do_value(int nr, char **args)
{
	(void)nr, (void)args;
	answer("%d", work(0, 0, 0) / 1000);
}

int main(void)
{
	static const struct command commands[] = {
		{ "start", do_start },	 { "calls", do_calls },
		{ "longest", do_longest }, { "value", do_value },
		{ "signals", do_signals }, { "stay", do_stay },
		{ NULL, NULL },
	};

	return target_main(commands);
}
