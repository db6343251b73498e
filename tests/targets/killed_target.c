/*
 * A program that notices what an agent's death may do to it. Every thread
 * checks its own answers all the time:
 *
 *   counting, floating, reading    registers, vector registers, the red zone
 *   napping, polling, piping,      calls that block: neither EINTR nor an end
 *   waiting                        before their time
 *   calling                        the functions that are patched
 *
 * and each, at every turn, its signal mask and its floating-point control.
 *
 * "report" answers when every thread has made a turn since:
 *   bad N eintr N epoll N           mistakes, spurious EINTR, those of epoll
 * "values" answers what first(), second(), third() and, in a library,
 * right_value() answer.
 */
#include <fenv.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <sys/epoll.h>
#include <time.h>

#include "lib.h"
#include "target.h"

#define NAP_MS 20
#define REPORT_LIMIT_MS 10000

static volatile int one = 1;

PATCHABLE int first(int x)
{
	return x + one;
}

PATCHABLE int second(int x)
{
	return 2 * x + one;
}

PATCHABLE int third(int x)
{
	return 3 * x + one;
}

struct worker {
	const char *name;
	bool (*turn)(void); /* whether all was well */
	int signal;	    /* blocked by this thread alone */
	int rounding;
	bool is_busy; /* would never sleep */
	pthread_t thread;
	atomic_ulong nr_turns;
};

static atomic_ulong nr_bad, nr_eintr, nr_epoll;
static const char *volatile last_bad = "-";

/* --- what they do ---------------------------------------------------------- */

static bool count(void)
{
	unsigned long a = 1, b = 2, c = 3, d = 5, e = 7, f = 11;

	for (int i = 0; i < 100000; i++) {
		a += b, b ^= c, c += d, d ^= e, e += f, f ^= a;
		__asm__ volatile("" : "+r"(a), "+r"(b), "+r"(c), "+r"(d),
				 "+r"(e), "+r"(f));
	}
	for (int i = 0; i < 100000; i++) {
		f ^= a, e -= f, d ^= e, c -= d, b ^= c, a -= b;
		__asm__ volatile("" : "+r"(a), "+r"(b), "+r"(c), "+r"(d),
				 "+r"(e), "+r"(f));
	}
	return a == 1 && b == 2 && c == 3 && d == 5 && e == 7 && f == 11;
}

/* All values are whole numbers: exact in every rounding mode. */
static bool float_up(void)
{
	double a = 0, b = 0, c = 0, d = 0;
	long double x87 = 0;

	for (int i = 1; i <= 20000; i++) {
		a += i, b += 2 * i, c += 3 * i, d += 4 * i, x87 += i;
		__asm__ volatile("" : "+x"(a), "+x"(b), "+x"(c), "+x"(d),
				 "+t"(x87));
	}
	return a == 200010000. && b == 2 * a && c == 3 * a && d == 4 * a &&
	       x87 == a;
}

/* A leaf that keeps all it has below its stack pointer. */
static bool red_zone(void)
{
	unsigned long sum = 0;

	__asm__ volatile("mov $100000, %%ecx\n\t"
			 "movq $0, -8(%%rsp)\n\t"
			 "movq $7, -128(%%rsp)\n"
			 "1:\n\t"
			 "mov -128(%%rsp), %%rax\n\t"
			 "add %%rax, -8(%%rsp)\n\t"
			 "dec %%ecx\n\t"
			 "jnz 1b\n\t"
			 "mov -8(%%rsp), %0"
			 : "=r"(sum)
			 :
			 : "rax", "rcx", "memory", "cc");
	return sum == 700000;
}

static long now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static bool interrupted(long result)
{
	if (result != -1 || errno != EINTR)
		return false;
	atomic_fetch_add(&nr_eintr, 1);
	return true;
}

static bool nap(void)
{
	const struct timespec time = { 0, NAP_MS * 1000000 };
	long began = now_ms();
	int r = nanosleep(&time, NULL);

	return interrupted(r) || (r == 0 && now_ms() - began >= NAP_MS - 1);
}

static int quiet[2];

static bool wait_poll(void)
{
	struct pollfd fd = { .fd = quiet[0], .events = POLLIN };
	long began = now_ms();
	int r = poll(&fd, 1, NAP_MS);

	return interrupted(r) || (r == 0 && now_ms() - began >= NAP_MS - 1);
}

/* This one fails with EINTR after any stop; see signal(7). */
static bool wait_epoll(void)
{
	static int epoll = -1;
	struct epoll_event event = { .events = EPOLLIN };
	long began = now_ms();
	int r;

	if (epoll < 0) {
		epoll = epoll_create1(0);
		epoll_ctl(epoll, EPOLL_CTL_ADD, quiet[0], &event);
	}
	r = epoll_wait(epoll, &event, 1, NAP_MS);
	if (r == -1 && errno == EINTR) {
		atomic_fetch_add(&nr_epoll, 1);
		return true;
	}
	return r == 0 && now_ms() - began >= NAP_MS - 1;
}

/* Another thread writes what this one reads. */
static int there[2], back[2];

static bool echo(void)
{
	char c = 0;
	long n = read(there[0], &c, 1);

	if (interrupted(n))
		return true;
	return n == 1 && write(back[1], &c, 1) == 1;
}

static bool shout(void)
{
	static char sent = 'a';
	const struct timespec time = { 0, 3000000 };
	char c = 0;
	long n;

	interrupted(nanosleep(&time, NULL));
	sent = sent == 'z' ? 'a' : (char)(sent + 1);
	if (write(there[1], &sent, 1) != 1)
		return false;
	do
		n = read(back[0], &c, 1);
	while (interrupted(n));
	return n == 1 && c == sent;
}

/* Whatever patches are in: each function answers one of its versions. */
static bool call(void)
{
	for (int i = 0; i < 1000; i++) {
		int a = first(i) - i, b = second(i) - 2 * i,
		    c = third(i) - 3 * i, right = right_value();

		if (a < 1 || a > 4 || b < 1 || b > 3 || c < 1 || c > 3 ||
		    (right != 20 && right != 24))
			return false;
	}
	return true;
}

/* --- running --------------------------------------------------------------- */

static struct worker workers[] = {
	{ .name = "count", .turn = count, .signal = SIGUSR1, .is_busy = true },
	{ .name = "float", .turn = float_up, .rounding = FE_UPWARD,
	  .is_busy = true },
	{ .name = "red zone", .turn = red_zone, .signal = SIGHUP,
	  .is_busy = true },
	{ .name = "nap", .turn = nap, .signal = SIGTERM },
	{ .name = "poll", .turn = wait_poll, .rounding = FE_TOWARDZERO },
	{ .name = "epoll", .turn = wait_epoll, .signal = SIGWINCH },
	{ .name = "echo", .turn = echo, .rounding = FE_DOWNWARD },
	{ .name = "shout", .turn = shout, .signal = SIGUSR2 },
	{ .name = "call", .turn = call, .is_busy = true },
};

#define NR_WORKERS (sizeof(workers) / sizeof(*workers))

static bool state_is_own(const struct worker *worker)
{
	sigset_t mask;

	pthread_sigmask(SIG_SETMASK, NULL, &mask);
	for (int signal = 1; signal <= 31; signal++)
		if (sigismember(&mask, signal) != (signal == worker->signal))
			return false;
	return fegetround() == worker->rounding;
}

static void *worker_run(void *argument)
{
	struct worker *worker = argument;
	sigset_t mask;

	sigemptyset(&mask);
	if (worker->signal)
		sigaddset(&mask, worker->signal);
	pthread_sigmask(SIG_SETMASK, &mask, NULL);
	fesetround(worker->rounding);
	for (;;) {
		if (!worker->turn() || !state_is_own(worker)) {
			last_bad = worker->name;
			atomic_fetch_add(&nr_bad, 1);
		}
		atomic_fetch_add(&worker->nr_turns, 1);
		/* The machine has other work, too. */
		if (worker->is_busy)
			interrupted(usleep(2000));
	}
	return NULL;
}

static void turns_wait(void)
{
	unsigned long before[NR_WORKERS];
	long limit = now_ms() + REPORT_LIMIT_MS;

	for (size_t i = 0; i < NR_WORKERS; i++)
		before[i] = atomic_load(&workers[i].nr_turns);
	for (size_t i = 0; i < NR_WORKERS; i++)
		/* The first may have begun before the question. */
		while (atomic_load(&workers[i].nr_turns) < before[i] + 2) {
			if (now_ms() > limit) {
				last_bad = workers[i].name;
				atomic_fetch_add(&nr_bad, 1);
				break;
			}
			usleep(1000);
		}
}

static void do_report(int nr, char **args)
{
	(void)nr, (void)args;
	turns_wait();
	if (atomic_load(&nr_bad))
		answer("bad %lu eintr %lu epoll %lu, last by %s", nr_bad,
		       nr_eintr, nr_epoll, last_bad);
	else
		answer("bad 0 eintr %lu epoll %lu", nr_eintr, nr_epoll);
}

static void do_values(int nr, char **args)
{
	(void)nr, (void)args;
	answer("%d %d %d %d", first(0), second(0), third(0), right_value());
}

int main(void)
{
	static const struct command commands[] = {
		{ "report", do_report },
		{ "values", do_values },
		{ NULL, NULL },
	};

	if (pipe(quiet) || pipe(there) || pipe(back))
		return 1;
	for (size_t i = 0; i < NR_WORKERS; i++)
		if (pthread_create(&workers[i].thread, NULL, worker_run,
				   &workers[i]))
			return 1;
	return target_main(commands);
}
