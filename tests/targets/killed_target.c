/*
 * A program that notices what an agent may do to it, dead or alive. Every thread
 * checks its own answers all the time:
 *
 *   holding, sleeping              every register, the flags and the red zone
 *   counting, floating             the same in the compiler's words
 *   napping, polling, piping,      calls that block: neither EINTR nor an end
 *   waiting                        before their time
 *   calling                        the functions that are patched
 *   swapping, switching            the same on other stacks, by swapcontext(3)
 *                                  and by hand
 *   signalled                      takes signals, when there are any
 *
 * and each, at every turn, what is its own: signal mask, pending signals,
 * alternate stack, errno, floating-point control, FS and GS base.
 *
 * "report" answers when every thread has made two turns since:
 *   bad N eintr N epoll N           mistakes, spurious EINTR, those of epoll
 * "values" answers what first(), second(), third() and, in a library,
 * right_value() answer.
 *
 * The rest makes it change; "beside COMMAND" lets another thread do it:
 *   fork, then release              answer with the child's values
 *   vfork [MS], exec PROGRAM, thread, end-thread, threads N, signals HZ, quit
 *
 * With the argument "main-exits" it goes on without its main thread; with
 * "crowd" there are threads that do nothing but call crowded().
 */
#include <asm/prctl.h>
#include <fenv.h>
#include <malloc.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <ucontext.h>
#include <xmmintrin.h>

#include "lib.h"
#include "registers.h"
#include "target.h"

#define NAP_MS 20
#define REPORT_LIMIT_MS 10000
#define STACK_SIZE (64 << 10)

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

/* Some thread is always inside. */
PATCHABLE int crowded(int x)
{
	nanosleep(&(struct timespec){ 0, 300000 }, NULL);
	return x + one;
}

struct worker {
	const char *name;
	bool (*turn)(void); /* whether all was well */
	int signal;	    /* blocked by this thread alone */
	int rounding;
	bool is_busy; /* would never sleep */
	const struct worker *self; /* its GS base leads here */
	pid_t tid;
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

static bool registers_all(bool sleeps)
{
	struct registers registers = { .spins = 30000, .sleeps = sleeps };

	if (!registers_supported())
		return true;
	if (sleeps)
		registers = (struct registers){ .spins = 100, .sleeps = true,
						.nap = { 0, 5000000 } };
	registers_fill(&registers, sleeps ? 3 : 5);
	return registers_hold(&registers);
}

static bool hold(void)
{
	return registers_all(false);
}

static bool sleep_holding(void)
{
	return registers_all(true);
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

/* Of those who would never sleep. */
static void pause_between(void)
{
	interrupted(usleep(2000));
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
static bool call_once(int i)
{
	int a = first(i) - i, b = second(i) - 2 * i, c = third(i) - 3 * i,
	    right = right_value();

	return a >= 1 && a <= 5 && b >= 1 && b <= 3 && c >= 1 && c <= 3 &&
	       (right == 20 || right == 24);
}

static bool call(void)
{
	for (int i = 0; i < 1000; i++)
		if (!call_once(i))
			return false;
	return true;
}

/* --- on other stacks ------------------------------------------------------- */

static void *stack_map(void)
{
	void *stack = mmap(NULL, STACK_SIZE, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return stack == MAP_FAILED ? NULL : stack;
}

static ucontext_t caller, coroutine;
static bool coroutine_well;

static void coroutine_run(void)
{
	for (int i = 0;; i = (i + 1) & 0xffff) {
		coroutine_well = call_once(i);
		swapcontext(&coroutine, &caller);
	}
}

static bool swap(void)
{
	if (!coroutine.uc_stack.ss_sp) {
		getcontext(&coroutine);
		coroutine.uc_stack.ss_sp = stack_map();
		coroutine.uc_stack.ss_size = STACK_SIZE;
		makecontext(&coroutine, coroutine_run, 0);
	}
	for (int i = 0; i < 100; i++) {
		swapcontext(&caller, &coroutine);
		if (!coroutine_well)
			return false;
	}
	return true;
}

__attribute__((used, noipa)) static long call_many(void)
{
	for (int i = 0; i < 1000; i++)
		if (!call_once(i))
			return 0;
	return 1;
}

/* No frame of ours tells how to get back from there. */
static bool switch_by_hand(void)
{
	static char *stack;
	long well;

	if (!stack)
		stack = stack_map();
	__asm__ volatile("mov %%rsp, %%rbx\n\t"
			 "mov %1, %%rsp\n\t"
			 "call call_many\n\t"
			 "mov %%rbx, %%rsp\n\t"
			 : "=a"(well)
			 : "r"(stack + STACK_SIZE)
			 : "rbx", "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10",
			   "r11", "memory", "cc", "xmm0", "xmm1", "xmm2", "xmm3",
			   "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9",
			   "xmm10", "xmm11", "xmm12", "xmm13", "xmm14",
			   "xmm15");
	return well;
}

/* --- signals ----------------------------------------------------------------- */

static atomic_ulong nr_signals;
static atomic_bool signals_come;

static void signal_count(int number)
{
	(void)number;
	atomic_fetch_add(&nr_signals, 1);
}

/* Computes all the time, and must get some meanwhile. */
static bool take_signals(void)
{
	unsigned long before = atomic_load(&nr_signals);
	long limit = now_ms() + REPORT_LIMIT_MS / 2;

	usleep(2000); /* or less */
	if (!atomic_load(&signals_come))
		return true;
	while (atomic_load(&nr_signals) < before + 5)
		if (!hold() || now_ms() > limit)
			return false;
	return true;
}

/* --- running --------------------------------------------------------------- */

/* The first is the one that an agent borrows, when there is no main thread. */
static struct worker workers[] = {
	{ .name = "sleep", .turn = sleep_holding, .signal = SIGURG },
	{ .name = "count", .turn = count, .signal = SIGUSR1, .is_busy = true },
	{ .name = "float", .turn = float_up, .rounding = FE_UPWARD,
	  .is_busy = true },
	{ .name = "red zone", .turn = red_zone, .signal = SIGHUP,
	  .is_busy = true },
	{ .name = "hold", .turn = hold, .signal = SIGALRM, .is_busy = true },
	{ .name = "nap", .turn = nap, .signal = SIGTERM },
	{ .name = "poll", .turn = wait_poll, .rounding = FE_TOWARDZERO },
	{ .name = "epoll", .turn = wait_epoll, .signal = SIGWINCH },
	{ .name = "echo", .turn = echo, .rounding = FE_DOWNWARD },
	{ .name = "shout", .turn = shout, .signal = SIGUSR2 },
	{ .name = "call", .turn = call, .is_busy = true },
	{ .name = "swap", .turn = swap, .is_busy = true },
	{ .name = "switch", .turn = switch_by_hand, .is_busy = true },
	{ .name = "signals", .turn = take_signals },
};

#define NR_WORKERS (sizeof(workers) / sizeof(*workers))

/* What belongs to a thread, and nothing that it does here changes. */
struct own {
	sigset_t mask, pending;
	stack_t alternate;
	unsigned long fs, gs;
	unsigned int mxcsr;
	unsigned short control;
	int rounding;
};

static void own_read(struct own *own)
{
	memset(own, 0, sizeof(*own));
	pthread_sigmask(SIG_SETMASK, NULL, &own->mask);
	sigpending(&own->pending);
	sigaltstack(NULL, &own->alternate);
	syscall(SYS_arch_prctl, ARCH_GET_FS, &own->fs);
	syscall(SYS_arch_prctl, ARCH_GET_GS, &own->gs);
	own->mxcsr = _mm_getcsr() & 0xffc0; /* less what happened so far */
	__asm__("fnstcw %0" : "=m"(own->control));
	own->rounding = fegetround();
}

/* The one blocked signal is pending; the other things are nobody else's. */
static void own_make(const struct worker *worker)
{
	const stack_t alternate = { .ss_sp = stack_map(),
				    .ss_size = STACK_SIZE / 2 };
	sigset_t mask;

	sigemptyset(&mask);
	if (worker->signal)
		sigaddset(&mask, worker->signal);
	pthread_sigmask(SIG_SETMASK, &mask, NULL);
	if (worker->signal)
		pthread_kill(pthread_self(), worker->signal);
	sigaltstack(&alternate, NULL);
	syscall(SYS_arch_prctl, ARCH_SET_GS, worker);
	fesetround(worker->rounding);
}

static const struct worker *gs_read(void)
{
	const struct worker *worker;

	__asm__ volatile("mov %%gs:%c1, %0"
			 : "=r"(worker)
			 : "i"(offsetof(struct worker, self)));
	return worker;
}

static void mistake(const char *by)
{
	last_bad = by;
	atomic_fetch_add(&nr_bad, 1);
}

static void *worker_run(void *argument)
{
	struct worker *worker = argument;
	struct own own, now;

	worker->self = worker;
	worker->tid = gettid();
	own_make(worker);
	own_read(&own);
	for (;;) {
		errno = ELIBSCN; /* no call answers this */
		if (!worker->turn())
			mistake(worker->name);
		if (errno != ELIBSCN && errno != EINTR)
			mistake("errno");
		own_read(&now);
		if (memcmp(&now, &own, sizeof(own)) || gs_read() != worker)
			mistake("its own state");
		atomic_fetch_add(&worker->nr_turns, 1);
		/* The machine has other work, too. */
		if (worker->is_busy)
			pause_between();
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
				mistake(workers[i].name);
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

static void values_print(char *text, size_t size)
{
	snprintf(text, size, "%d %d %d %d", first(0), second(0), third(0),
		 right_value());
}

static void do_values(int nr, char **args)
{
	char text[64];

	(void)nr, (void)args;
	values_print(text, sizeof(text));
	answer("%s", text);
}

/* --- changing ---------------------------------------------------------------- */

/* A child that stays: to it, from it. */
static int to_child[2], from_child[2];
static pid_t child;

static void child_run(void)
{
	char text[64] = "", c;

	/* Our parent's end is the end of this pipe. */
	close(to_child[1]);
	values_print(text, sizeof(text));
	answer("forked %d: %s", (int)getpid(), text);
	if (read(to_child[0], &c, 1) != 1)
		_exit(1);
	memset(text, 0, sizeof(text));
	values_print(text, sizeof(text));
	_exit(write(from_child[1], text, sizeof(text)) != sizeof(text));
}

/* The child answers what it has inherited. */
static void do_fork(int nr, char **args)
{
	(void)nr, (void)args;
	child = fork();
	if (!child)
		child_run();
}

/* The child answers what it has now, and ends. */
static void do_release(int nr, char **args)
{
	char text[64] = "";
	int status = -1;

	(void)nr, (void)args;
	if (write(to_child[1], "", 1) != 1 ||
	    read(from_child[0], text, sizeof(text)) != sizeof(text) ||
	    waitpid(child, &status, 0) != child || status)
		answer("the child ended with %d", status);
	else
		answer("%s", text);
}

/* It shares our memory while it works. */
static void do_vfork(int nr, char **args)
{
	static char text[64];
	const struct timespec nap = {
		0, 1000000 * (nr > 1 ? number(nr, args, 1) : 20),
	};
	int status = -1;
	pid_t pid = vfork();

	if (!pid) {
		nanosleep(&nap, NULL);
		values_print(text, sizeof(text));
		_exit(0);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid || status)
		answer("the child ended with %d", status);
	else
		answer("vforked: %s", text);
}

static void do_exec(int nr, char **args)
{
	if (nr > 1)
		execl(args[1], args[1], NULL);
	answer("exec: %s", strerror(errno));
}

static pthread_t extra;
static atomic_bool extra_ends;
static int never[2];

static void *extra_run(void *unused)
{
	while (!atomic_load(&extra_ends))
		if (!count())
			mistake("the new thread");
	return unused;
}

static void do_thread(int nr, char **args)
{
	(void)nr, (void)args;
	atomic_store(&extra_ends, false);
	answer("thread %d", pthread_create(&extra, NULL, extra_run, NULL));
}

static void do_end_thread(int nr, char **args)
{
	(void)nr, (void)args;
	atomic_store(&extra_ends, true);
	answer("ended %d", pthread_join(extra, NULL));
}

static void *block(void *unused)
{
	char c;

	if (read(never[0], &c, 1) >= 0 || errno != EBADF)
		mistake("a blocked thread");
	return unused;
}

static void do_threads(int nr, char **args)
{
	pthread_attr_t small;
	pthread_t thread;
	int r = 0;

	pthread_attr_init(&small);
	pthread_attr_setstacksize(&small, STACK_SIZE);
	for (int i = 0; !r && i < number(nr, args, 1); i++)
		r = pthread_create(&thread, &small, block, NULL);
	answer("threads %d", r);
}

/* To a thread that computes and to one that sleeps in read(2). */
static void signals_start(pid_t tid, int hz)
{
	const struct itimerspec often = { { 0, 1000000000 / hz },
					  { 0, 1000000000 / hz } };
	struct sigevent event = { .sigev_notify = SIGEV_THREAD_ID,
				  .sigev_signo = SIGRTMIN };
	timer_t timer;

	event._sigev_un._tid = tid;
	if (timer_create(CLOCK_MONOTONIC, &event, &timer) ||
	    timer_settime(timer, 0, &often, NULL))
		mistake("timers");
}

static const struct worker *worker_find(const char *name)
{
	for (size_t i = 0; i < NR_WORKERS; i++)
		if (!strcmp(workers[i].name, name))
			return &workers[i];
	abort();
}

static void do_signals(int nr, char **args)
{
	const struct sigaction action = { .sa_handler = signal_count,
					  .sa_flags = SA_RESTART };
	int hz = number(nr, args, 1);

	sigaction(SIGRTMIN, &action, NULL);
	signals_start(worker_find("signals")->tid, hz);
	signals_start(worker_find("echo")->tid, hz / 10);
	signals_start(gettid(), hz / 10);
	atomic_store(&signals_come, true);
	answer("signals");
}

static void do_beside(int nr, char **args);

static const struct command commands[] = {
	{ "report", do_report },
	{ "values", do_values },
	{ "fork", do_fork },
	{ "release", do_release },
	{ "vfork", do_vfork },
	{ "exec", do_exec },
	{ "thread", do_thread },
	{ "end-thread", do_end_thread },
	{ "threads", do_threads },
	{ "signals", do_signals },
	{ "beside", do_beside },
	{ NULL, NULL },
};

static void *beside_run(void *line)
{
	command_run(commands, line);
	free(line);
	return NULL;
}

static void do_beside(int nr, char **args)
{
	pthread_t thread;
	char *line = NULL;

	if (nr < 2 || asprintf(&line, "%s %s", args[1],
			       nr > 2 ? args[2] : "") < 0 ||
	    pthread_create(&thread, NULL, beside_run, line))
		answer("beside: %s", strerror(errno));
	else
		pthread_detach(thread);
}

static void *serve_run(void *unused)
{
	target_serve(commands);
	exit(0);
	return unused;
}

static void *crowd_run(void *unused)
{
	for (;;) {
		int value = crowded(7);

		if (value != 8 && value != 12)
			mistake("the crowd");
	}
	return unused;
}

static bool crowd_start(void)
{
	pthread_t thread;

	for (int i = 0; i < 4; i++)
		if (pthread_create(&thread, NULL, crowd_run, NULL))
			return false;
	return true;
}

static bool workers_start(void)
{
	pthread_t thread;

	for (size_t i = 0; i < NR_WORKERS; i++)
		if (pthread_create(&thread, NULL, worker_run, &workers[i]))
			return false;
	return true;
}

int main(int argc, char **argv)
{
	pthread_t server;

	mallopt(M_ARENA_MAX, 1); /* a new thread maps nothing but its stack */
	if (pipe(quiet) || pipe(there) || pipe(back) || pipe(to_child) ||
	    pipe(from_child) || pipe(never) || !workers_start())
		return 1;
	if (argc > 1 && !strcmp(argv[1], "crowd") && !crowd_start())
		return 1;
	if (argc < 2 || strcmp(argv[1], "main-exits"))
		return target_main(commands);
	answer("ready");
	if (pthread_create(&server, NULL, serve_run, NULL))
		return 1;
	pthread_exit(NULL);
}
