/*
 * Functions of every common kind in one executable, and workers that call one
 * of them all the time and check every answer. Built in many ways, see
 * targets.mk.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <sched.h>
#include <stdbool.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>

#include "target.h"

static volatile int base_value = 1;
static int balance;
__thread int ticks = 100;
int nr_hooks;
int (*callback)(void);

PATCHABLE int value(void)
{
	return base_value;
}

/* Static, and of a name that no symbol table exports. */
PATCHABLE static int hidden(int x)
{
	return x * 3 + base_value;
}

PATCHABLE static void deposit(int amount)
{
	static int nr_deposits;

	nr_deposits++;
	balance += amount;
	if (nr_deposits > 1000)
		nr_deposits = 0;
}

PATCHABLE long sum_ints(long a, long b, long c, long d, long e, long f, long g,
			long h, long i, long j)
{
	return a + b + c + d + e + f + g + h + i + j;
}

PATCHABLE double sum_doubles(double a, double b, double c, double d, double e,
			     double f, double g, double h, double i, double j)
{
	return a + b + c + d + e + f + g + h + i + j;
}

__attribute__((noipa, optimize("no-optimize-sibling-calls"))) int
factorial(int n)
{
	volatile int one = 1;

	return n < 2 ? one : n * factorial(n - 1);
}

int is_odd(int n);

__attribute__((noipa, optimize("no-optimize-sibling-calls"))) int
is_even(int n)
{
	volatile int yes = 1;

	return n == 0 ? yes : is_odd(n - 1);
}

__attribute__((noipa, optimize("no-optimize-sibling-calls"))) int is_odd(int n)
{
	volatile int no = 0;

	return n == 0 ? no : is_even(n - 1);
}

PATCHABLE int tick(void)
{
	return ++ticks;
}

struct triple {
	long a, b, c;
};

PATCHABLE struct triple make_triple(long a)
{
	return (struct triple){ a, a + 1, a + 2 };
}

PATCHABLE const char *greeting(const char *name, char *room, size_t size)
{
	snprintf(room, size, "hello, %s", name);
	return room;
}

/* --- workers ------------------------------------------------------------- */

#define NR_WORKERS_MAX 64
static pthread_t workers[NR_WORKERS_MAX];
static int nr_workers;
static atomic_int nr_working;
static atomic_bool stop_workers;
static atomic_ulong nr_calls, nr_bad;
static atomic_uint values_seen; /* bit N: value N was answered */

/* In bursts, so that a machine of two processors can run the tests too. */
static void *worker_run(void *unused)
{
	atomic_fetch_add(&nr_working, 1);
	for (unsigned int i = 1; !atomic_load(&stop_workers); i++) {
		int got = value();

		if (i % 256 == 0)
			nanosleep(&(struct timespec){ 0, 500000 }, NULL);

		if (got < 1 || got > 9)
			atomic_fetch_add(&nr_bad, 1);
		else
			atomic_fetch_or(&values_seen, 1u << got);
		atomic_fetch_add(&nr_calls, 1);
	}
	return unused;
}

/*
 * Answers when each of them runs: until then the C library keeps their signals
 * blocked, which looks as if somebody had changed their masks.
 */
static void do_workers(int nr, char **args)
{
	int count = number(nr, args, 1);

	for (int i = 0; i < count && nr_workers < NR_WORKERS_MAX; i++)
		if (!pthread_create(&workers[nr_workers], NULL, worker_run,
				    NULL))
			nr_workers++;
	while (atomic_load(&nr_working) < nr_workers)
		sched_yield();
	answer("%d", nr_workers);
}

/* Answers when the workers have made a thousand more calls. */
static void do_calls(int nr, char **args)
{
	unsigned long until = atomic_load(&nr_calls) + 1000;

	(void)nr, (void)args;
	while (atomic_load(&nr_calls) < until)
		nanosleep(&(struct timespec){ 0, 1000000 }, NULL);
	answer("bad %lu", atomic_load(&nr_bad));
}

/* Which values were answered since this was asked last. */
static void do_seen(int nr, char **args)
{
	unsigned int seen;
	char text[64] = "";

	(void)nr, (void)args;
	seen = atomic_exchange(&values_seen, 0);
	for (int i = 1; i <= 9; i++)
		if (seen & 1u << i)
			sprintf(text + strlen(text), "%s%d",
				*text ? " " : "", i);
	answer("%s", text);
}

/* --- a patched function in a signal handler ------------------------------ */

static atomic_ulong nr_alarms;

static void alarm_taken(int signal)
{
	int got = value();

	(void)signal;
	if (got < 1 || got > 9)
		atomic_fetch_add(&nr_bad, 1);
	atomic_fetch_add(&nr_alarms, 1);
}

static void do_alarms(int nr, char **args)
{
	struct sigaction action = { .sa_handler = alarm_taken,
				    .sa_flags = SA_RESTART };
	struct itimerval every = { { 0, 500 }, { 0, 500 } };

	(void)nr, (void)args;
	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &every, NULL);
	answer("ok");
}

/* Answers when a hundred more alarms were taken. */
static void do_alarmed(int nr, char **args)
{
	unsigned long until = atomic_load(&nr_alarms) + 100;

	(void)nr, (void)args;
	while (atomic_load(&nr_alarms) < until)
		nanosleep(&(struct timespec){ 0, 1000000 }, NULL);
	answer("bad %lu", atomic_load(&nr_bad));
}

/* --- commands ------------------------------------------------------------ */

static void do_value(int nr, char **args)
{
	(void)nr, (void)args;
	answer("%d", value());
}

static void do_hidden(int nr, char **args)
{
	answer("%d", hidden(number(nr, args, 1)));
}

static void do_deposit(int nr, char **args)
{
	deposit(number(nr, args, 1));
	answer("%d", balance);
}

static void do_ints(int nr, char **args)
{
	(void)nr, (void)args;
	answer("%ld", sum_ints(1, 2, 3, 4, 5, 6, 7, 8, 9, 10));
}

static void do_doubles(int nr, char **args)
{
	(void)nr, (void)args;
	answer("%g", sum_doubles(.5, 1.5, 2.5, 3.5, 4.5, 5.5, 6.5, 7.5, 8.5,
				 9.5));
}

static void do_factorial(int nr, char **args)
{
	answer("%d", factorial(number(nr, args, 1)));
}

static void do_even(int nr, char **args)
{
	answer("%d", is_even(number(nr, args, 1)));
}

static void do_triple(int nr, char **args)
{
	struct triple triple = make_triple(number(nr, args, 1));

	answer("%ld %ld %ld", triple.a, triple.b, triple.c);
}

static void do_greeting(int nr, char **args)
{
	char room[64];

	answer("%s", greeting(nr > 1 ? args[1] : "", room, sizeof(room)));
}

static void do_tick(int nr, char **args)
{
	(void)nr, (void)args;
	answer("%d", tick());
}

struct tick_thread {
	pid_t tid;
	int ticks;
};

static void *tick_run(void *context)
{
	struct tick_thread *thread = context;

	thread->tid = (pid_t)syscall(SYS_gettid);
	thread->ticks = tick();
	return NULL;
}

/*
 * The same in a thread of its own, with its own `ticks`. What has been joined
 * is still seen in /proc for a moment: it answers when it is gone.
 */
static void do_tick_thread(int nr, char **args)
{
	struct tick_thread result = { .ticks = -1 };
	pthread_t thread;

	(void)nr, (void)args;
	if (!pthread_create(&thread, NULL, tick_run, &result)) {
		pthread_join(thread, NULL);
		while (!syscall(SYS_tgkill, getpid(), result.tid, 0))
			sched_yield();
	}
	answer("%d", result.ticks);
}

static void do_hooks(int nr, char **args)
{
	(void)nr, (void)args;
	answer("%d", nr_hooks);
}

/* callback: calls it; callback clear: forgets it. */
static void do_callback(int nr, char **args)
{
	(void)args;
	if (nr > 1)
		callback = NULL;
	answer("%d", callback ? callback() : 0);
}

int main(void)
{
	static const struct command commands[] = {
		{ "value", do_value },	     { "hidden", do_hidden },
		{ "deposit", do_deposit },   { "ints", do_ints },
		{ "doubles", do_doubles },   { "factorial", do_factorial },
		{ "even", do_even },	     { "triple", do_triple },
		{ "greeting", do_greeting }, { "tick", do_tick },
		{ "tick-thread", do_tick_thread },
		{ "callback", do_callback },
		{ "hooks", do_hooks },	     { "workers", do_workers },
		{ "calls", do_calls },	     { "seen", do_seen },
		{ "alarms", do_alarms },     { "alarmed", do_alarmed },
		{ NULL, NULL },
	};

	return target_main(commands);
}
