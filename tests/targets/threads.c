/*
 * Threads in every awkward place: inside the function that is to be replaced,
 * on a coroutine's stack, in system calls, being made, being cancelled,
 * allocating and loading libraries, keeping live data in the red zone.
 */
#include <dlfcn.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <sys/epoll.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/msg.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <ucontext.h>

#include "target.h"

#define STACK_SIZE (64 << 10)

static pthread_attr_t small;

static int thread_start(pthread_t *ret, void *(*run)(void *), void *arg)
{
	pthread_t unused;

	if (!ret) {
		int r = pthread_create(&unused, &small, run, arg);

		if (!r)
			pthread_detach(unused);
		return r;
	}
	return pthread_create(ret, &small, run, arg);
}

static volatile int value_base = 1;

PATCHABLE int value(void)
{
	return value_base;
}

/* --- inside the function ------------------------------------------------- */

static int gate[2]; /* a byte lets one thread out of hold() */
static atomic_int nr_inside;
static int results[2]; /* what those who came out brought with them */
static pthread_t held;

PATCHABLE static void gate_pass(void)
{
	char byte;

	atomic_fetch_add(&nr_inside, 1);
	while (read(gate[0], &byte, 1) != 1)
		;
	atomic_fetch_sub(&nr_inside, 1);
}

/* Stays until it is let out, and says then which code it ran. */
PATCHABLE int hold(int mark)
{
	gate_pass();
	return mark + 1;
}

/* Calls hold(): also a frame that may not be mixed. */
PATCHABLE int hold_outer(int mark)
{
	return hold(mark) + value_base;
}

__attribute__((cold, noipa)) static int hold_rarely(int mark)
{
	gate_pass();
	return mark;
}

/* What is called from the unlikely part, NAME.cold, returns to there. */
PATCHABLE int hold_cold(int mark)
{
	if (__builtin_expect(mark == 0, 0)) {
		mark = hold_rarely(mark);
		atomic_fetch_add(&nr_inside, 0);
	}
	return mark + 1;
}

static void *hold_run(void *how)
{
	int got = ((int (*)(int))how)(0);

	if (write(results[1], &got, sizeof(got)) != sizeof(got))
		abort();
	return NULL;
}

/* hold N, hold-outer N, hold-cold N: N threads more, until all are inside. */
static void do_hold(int nr, char **args)
{
	void *how = !strcmp(args[0], "hold-outer") ? (void *)hold_outer :
		    !strcmp(args[0], "hold-cold")  ? (void *)hold_cold :
						     (void *)hold;
	int want = atomic_load(&nr_inside) + number(nr, args, 1);

	for (int i = atomic_load(&nr_inside); i < want; i++)
		if (thread_start(i + 1 == want ? &held : NULL, hold_run, how))
			abort();
	while (atomic_load(&nr_inside) != want)
		sched_yield();
	answer("inside %d", want);
}

/* let N: lets N threads out, answers what hold() returned to them. */
static void do_let(int nr, char **args)
{
	char text[256] = "";
	int got;

	for (int i = 0; i < number(nr, args, 1); i++) {
		if (write(gate[1], "", 1) != 1 ||
		    read(results[0], &got, sizeof(got)) != sizeof(got))
			abort();
		sprintf(text + strlen(text), "%s%d", *text ? " " : "", got);
	}
	answer("%s", text);
}

/* Cancels the thread that entered hold() last. */
static void do_cancel(int nr, char **args)
{
	void *result = NULL;

	(void)nr, (void)args;
	if (pthread_cancel(held) || pthread_join(held, &result))
		abort();
	atomic_fetch_sub(&nr_inside, 1);
	answer("%s", result == PTHREAD_CANCELED ? "cancelled" : "returned");
}

/* --- a contract between two functions ------------------------------------ */

static atomic_bool stop;
static atomic_ulong nr_rounds, nr_broken;
static volatile int contract_unit = 1;
static long contract_nap_ns = 50000;

/* Undoes what the caller did: both must speak of the same unit. */
PATCHABLE int contract_take(int sum)
{
	return sum - contract_unit;
}

/* Time passes between the two: now and then a thread sleeps there. */
PATCHABLE void contract_between(int sum)
{
	if (sum % 512 == 0)
		nanosleep(&(struct timespec){ 0, 1 }, NULL);
}

PATCHABLE int contract_give(int sum)
{
	int given = sum + contract_unit;

	contract_between(sum);
	return contract_take(given);
}

static void *contract_run(void *unused)
{
	for (int i = 0; !atomic_load(&stop); i = (i + 1) & 0xffff) {
		if (i % 256 == 0)
			nanosleep(&(struct timespec){ 0, contract_nap_ns },
				  NULL);
		if (contract_give(i) != i)
			atomic_fetch_add(&nr_broken, 1);
		atomic_fetch_add(&nr_rounds, 1);
		/* Somewhere outside, as real programs are most of the time. */
		for (volatile int j = 0; j < 50; j++)
			;
	}
	return unused;
}

/* contract N [US]: N threads, which nap so long after every 256 calls. */
static void do_contract(int nr, char **args)
{
	if (nr > 2)
		contract_nap_ns = number(nr, args, 2) * 1000L;
	for (int i = 0; i < number(nr, args, 1); i++)
		if (thread_start(NULL, contract_run, NULL))
			abort();
	answer("ok");
}

static void wait_rounds(unsigned long more)
{
	unsigned long until = atomic_load(&nr_rounds) + more;

	while (atomic_load(&nr_rounds) < until)
		nanosleep(&(struct timespec){ 0, 1000000 }, NULL);
}

/* Answers after a thousand more rounds of whoever counts rounds. */
static void do_rounds(int nr, char **args)
{
	(void)nr, (void)args;
	wait_rounds(1000);
	answer("broken %lu", atomic_load(&nr_broken));
}

static void do_contract_now(int nr, char **args)
{
	(void)nr, (void)args;
	answer("%d %d", contract_give(5), contract_take(5));
}

/* --- a coroutine --------------------------------------------------------- */

static ucontext_t coroutine, back;

PATCHABLE void step_away(void)
{
	swapcontext(&coroutine, &back);
}

/* Leaves its stack while it is on it. */
PATCHABLE int step(int mark)
{
	step_away();
	return mark + 1;
}

static void coroutine_run(void)
{
	int got = step(0);

	if (write(results[1], &got, sizeof(got)) != sizeof(got))
		abort();
}

static void do_coroutine(int nr, char **args)
{
	(void)nr, (void)args;
	getcontext(&coroutine);
	coroutine.uc_stack.ss_sp = malloc(STACK_SIZE);
	coroutine.uc_stack.ss_size = STACK_SIZE;
	coroutine.uc_link = &back;
	makecontext(&coroutine, coroutine_run, 0);
	swapcontext(&back, &coroutine);
	answer("suspended");
}

static void do_resume(int nr, char **args)
{
	int got = -1;

	(void)nr, (void)args;
	swapcontext(&back, &coroutine);
	if (read(results[0], &got, sizeof(got)) != sizeof(got))
		abort();
	/* Nothing of it may stay behind in memory. */
	explicit_bzero(coroutine.uc_stack.ss_sp, STACK_SIZE);
	free(coroutine.uc_stack.ss_sp);
	memset(&coroutine, 0, sizeof(coroutine));
	answer("%d", got);
}

/* --- live data in the red zone ------------------------------------------- */

/*
 * A leaf that keeps sixteen numbers below the stack pointer and adds them up
 * again and again; their sum is 136 unless somebody wrote there.
 */
PATCHABLE static int red_zone_sum(void)
{
	unsigned long sum;

	__asm__ volatile("xor %%eax, %%eax\n"
			 "mov $1, %%ecx\n"
			 "1: neg %%rcx\n"
			 "mov %%rcx, (%%rsp, %%rcx, 8)\n"
			 "negq (%%rsp, %%rcx, 8)\n"
			 "neg %%rcx\n"
			 "inc %%ecx\n"
			 "cmp $17, %%ecx\n"
			 "jne 1b\n"
			 "mov $200, %%edx\n"
			 "2: xor %%eax, %%eax\n"
			 "mov $-16, %%rcx\n"
			 "3: add (%%rsp, %%rcx, 8), %%rax\n"
			 "inc %%rcx\n"
			 "jne 3b\n"
			 "cmp $136, %%rax\n"
			 "jne 4f\n"
			 "dec %%edx\n"
			 "jne 2b\n"
			 "4:\n"
			 : "=&a"(sum)
			 :
			 : "rcx", "rdx", "cc", "memory");
	return (int)sum;
}

static bool red_zone_naps;

static void *red_zone_run(void *unused)
{
	while (!atomic_load(&stop)) {
		if (red_zone_naps)
			nanosleep(&(struct timespec){ 0, 50000 }, NULL);
		if (red_zone_sum() != 136)
			atomic_fetch_add(&nr_broken, 1);
		atomic_fetch_add(&nr_rounds, 1);
	}
	return unused;
}

/* red-zone N [naps]: with naps, the function is left now and then. */
static void do_red_zone(int nr, char **args)
{
	red_zone_naps = nr > 2;
	for (int i = 0; i < number(nr, args, 1); i++)
		if (thread_start(NULL, red_zone_run, NULL))
			abort();
	answer("ok");
}

/* --- many threads -------------------------------------------------------- */

static atomic_int nr_blocked;
static int never[2];

static void *block_run(void *unused)
{
	char byte;

	atomic_fetch_add(&nr_blocked, 1);
	if (read(never[0], &byte, 1) != 0)
		atomic_fetch_add(&nr_broken, 1);
	return unused;
}

static void do_block(int nr, char **args)
{
	int want = atomic_load(&nr_blocked) + number(nr, args, 1);

	for (int i = atomic_load(&nr_blocked); i < want; i++)
		if (thread_start(NULL, block_run, NULL))
			abort();
	while (atomic_load(&nr_blocked) != want)
		sched_yield();
	answer("blocked %d", want);
}

static void *short_run(void *unused)
{
	atomic_fetch_add(&nr_rounds, 1);
	if (value() < 1)
		atomic_fetch_add(&nr_broken, 1);
	return unused;
}

static void *spawn_run(void *unused)
{
	while (!atomic_load(&stop)) {
		pthread_t thread;

		if (!thread_start(&thread, short_run, NULL))
			pthread_join(thread, NULL);
	}
	return unused;
}

/* spawn N: N threads that make threads without pause. */
static void do_spawn(int nr, char **args)
{
	for (int i = 0; i < number(nr, args, 1); i++)
		if (thread_start(NULL, spawn_run, NULL))
			abort();
	answer("ok");
}

/* Children see the old or the new code, whole, and end in order. */
static void *fork_run(void *unused)
{
	while (!atomic_load(&stop)) {
		pid_t pid = fork();
		int status = 0;

		if (!pid)
			_exit(value());
		if (pid < 0 || waitpid(pid, &status, 0) != pid ||
		    !WIFEXITED(status) || WEXITSTATUS(status) < 1 ||
		    WEXITSTATUS(status) > 2)
			atomic_fetch_add(&nr_broken, 1);
		atomic_fetch_add(&nr_rounds, 1);
	}
	return unused;
}

/* fork N: N threads that fork without pause. */
static void do_fork(int nr, char **args)
{
	for (int i = 0; i < number(nr, args, 1); i++)
		if (thread_start(NULL, fork_run, NULL))
			abort();
	answer("ok");
}

/* Answers after ten more rounds: forking is slow. */
static void do_few_rounds(int nr, char **args)
{
	(void)nr, (void)args;
	wait_rounds(10);
	answer("broken %lu", atomic_load(&nr_broken));
}

static void *allocate_run(void *library)
{
	while (!atomic_load(&stop)) {
		void *memory = malloc(200000), *handle;

		handle = dlopen(library, RTLD_NOW);
		if (!memory || !handle || dlclose(handle) || value() < 1)
			atomic_fetch_add(&nr_broken, 1);
		free(memory);
		atomic_fetch_add(&nr_rounds, 1);
	}
	return NULL;
}

/* allocate N LIBRARY: N threads in malloc, dlopen and dlclose, no pause. */
static void do_allocate(int nr, char **args)
{
	char *library = nr > 2 ? strdup(args[2]) : NULL;

	for (int i = 0; i < number(nr, args, 1); i++)
		if (thread_start(NULL, allocate_run, library))
			abort();
	answer("ok");
}

static void *random_run(void *unused)
{
	while (!atomic_load(&stop)) {
		if (rand() == 4)
			atomic_fetch_add(&nr_broken, 1);
		if (atomic_fetch_add(&nr_rounds, 1) % 256 == 0)
			nanosleep(&(struct timespec){ 0, 50000 }, NULL);
	}
	return unused;
}

/* random N: N threads that call rand(); "broken" counts the fours. */
static void do_random(int nr, char **args)
{
	for (int i = 0; i < number(nr, args, 1); i++)
		if (thread_start(NULL, random_run, NULL))
			abort();
	answer("ok");
}

static void do_rand(int nr, char **args)
{
	(void)nr, (void)args;
	answer("%s", rand() == 4 ? "four" : "random");
}

/* --- threads in system calls: none may see EINTR ------------------------- */

static atomic_ulong nr_interrupted;
static sem_t semaphore;
static int queue = -1;

static void sleep_epoll(void)
{
	struct epoll_event event;
	int fd = epoll_create1(EPOLL_CLOEXEC);

	while (epoll_wait(fd, &event, 1, -1) >= 0)
		;
	close(fd);
}

static void sleep_poll(void)
{
	while (poll(NULL, 0, 1000000) >= 0)
		;
}

static void sleep_nanosleep(void)
{
	while (!nanosleep(&(struct timespec){ 100000, 0 }, NULL))
		;
}

static void sleep_semaphore(void)
{
	while (!sem_wait(&semaphore))
		;
}

static void sleep_message(void)
{
	struct {
		long type;
		char text[8];
	} message;

	while (msgrcv(queue, &message, sizeof(message.text), 1, 0) >= 0)
		;
}

static void sleep_signal(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR2);
	while (sigwaitinfo(&set, NULL) >= 0)
		;
}

static void sleep_pause(void)
{
	pause();
}

static void *sleep_run(void *how)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR2);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	atomic_fetch_add(&nr_blocked, 1);
	((void (*)(void))how)();
	atomic_fetch_add(&nr_interrupted, 1);
	return NULL;
}

/*
 * sleep [restarted]: answers when one thread sleeps in each kind of system
 * call, or in each kind that the kernel itself restarts after any stop.
 */
static void do_sleep(int nr, char **args)
{
	static void (*const ways[])(void) = {
		sleep_poll,  sleep_nanosleep, sleep_semaphore, sleep_message,
		sleep_pause, sleep_epoll,     sleep_signal,
	};
	int count = sizeof(ways) / sizeof(ways[0]) - (nr > 1 ? 2 : 0);

	(void)args;
	sem_init(&semaphore, 0, 0);
	queue = msgget(IPC_PRIVATE, 0600);
	for (int i = 0; i < count; i++)
		if (thread_start(NULL, sleep_run, (void *)ways[i]))
			abort();
	while (atomic_load(&nr_blocked) != count)
		sched_yield();
	answer("%d", count);
}

static void do_interrupted(int nr, char **args)
{
	(void)nr, (void)args;
	answer("%lu", atomic_load(&nr_interrupted));
}

/* The queue outlives us otherwise. */
static void queue_remove(void)
{
	if (queue >= 0)
		msgctl(queue, IPC_RMID, NULL);
}

/* --- commands ------------------------------------------------------------ */

static void do_value(int nr, char **args)
{
	(void)nr, (void)args;
	answer("%d", value());
}

static void do_stop(int nr, char **args)
{
	(void)nr, (void)args;
	atomic_store(&stop, true);
	answer("ok");
}

static const struct command commands[] = {
	{ "value", do_value },
	{ "hold", do_hold },
	{ "hold-outer", do_hold },
	{ "hold-cold", do_hold },
	{ "let", do_let },
	{ "cancel", do_cancel },
	{ "contract", do_contract },
	{ "contract-now", do_contract_now },
	{ "rounds", do_rounds },
	{ "coroutine", do_coroutine },
	{ "resume", do_resume },
	{ "red-zone", do_red_zone },
	{ "block", do_block },
	{ "spawn", do_spawn },
	{ "fork", do_fork },
	{ "few-rounds", do_few_rounds },
	{ "allocate", do_allocate },
	{ "random", do_random },
	{ "rand", do_rand },
	{ "sleep", do_sleep },
	{ "interrupted", do_interrupted },
	{ "stop", do_stop },
	{ NULL, NULL },
};

static void *serve_run(void *unused)
{
	target_serve(commands);
	queue_remove();
	exit(0);
	return unused;
}

/* "main-exits": the commands are served by another thread, main ends. */
int main(int argc, char **argv)
{
	if (pipe(gate) || pipe(results) || pipe(never) ||
	    pthread_attr_init(&small) ||
	    pthread_attr_setstacksize(&small, STACK_SIZE))
		return 1;
	atexit(queue_remove);
	if (argc > 1 && !strcmp(argv[1], "main-exits")) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		answer("ready");
		if (thread_start(NULL, serve_run, NULL))
			return 1;
		pthread_exit(NULL);
	}
	return target_main(commands);
}
