/*
 * Threads that know what the kernel keeps for them, ask for it again and again,
 * and count every difference: one without pause, one that sleeps in between,
 * one in a signal handler on its alternate stack.
 *
 *   start      answers when all have asked once
 *   report     "rounds N changed N[ NAME]", after another round of each
 *   pending    takes the signals that were queued at the start, in order
 */
#include <fenv.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/personality.h>
#include <sys/resource.h>
#include <sys/rseq.h>
#include <sys/syscall.h>
#include <time.h>

#include <asm/prctl.h>

#include "target.h"

static volatile int value_base = 1;

PATCHABLE int value(void)
{
	return value_base;
}

/* --- what is asked -------------------------------------------------------- */

static uint64_t digest(const void *data, size_t size)
{
	uint64_t sum = 14695981039346656037ull;

	for (size_t i = 0; i < size; i++)
		sum = (sum ^ ((const uint8_t *)data)[i]) * 1099511628211ull;
	return sum;
}

static uint64_t ask_base(int code)
{
	unsigned long base = 0;

	syscall(SYS_arch_prctl, code, &base);
	return base;
}

static uint64_t ask_fs(void)
{
	return ask_base(ARCH_GET_FS);
}

static uint64_t ask_gs(void)
{
	return ask_base(ARCH_GET_GS);
}

static uint64_t ask_mask(void)
{
	uint64_t mask = 0;

	syscall(SYS_rt_sigprocmask, SIG_BLOCK, NULL, &mask, sizeof(mask));
	return mask;
}

static uint64_t ask_pending(void)
{
	uint64_t set = 0;

	syscall(SYS_rt_sigpending, &set, sizeof(set));
	return set;
}

/* While a handler runs on it, the kernel says so. */
static uint64_t ask_stack(void)
{
	stack_t stack = { 0 };

	sigaltstack(NULL, &stack);
	return (uintptr_t)stack.ss_sp ^ stack.ss_size ^
	       (uint64_t)stack.ss_flags << 56;
}

static uint64_t ask_errno(void)
{
	return (uint64_t)errno;
}

static uint64_t ask_personality(void)
{
	return (uint64_t)personality(0xffffffff);
}

static uint64_t ask_slack(void)
{
	return (uint64_t)prctl(PR_GET_TIMERSLACK);
}

static uint64_t ask_privileges(void)
{
	return (uint64_t)prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) |
	       (uint64_t)prctl(PR_GET_SECCOMP) << 8 |
	       (uint64_t)prctl(PR_GET_DUMPABLE) << 16 |
	       (uint64_t)prctl(PR_GET_SECUREBITS) << 24 |
	       (uint64_t)prctl(PR_GET_PDEATHSIG, &(int){ 0 }) << 32;
}

static uint64_t ask_name(void)
{
	char name[16] = "";

	prctl(PR_GET_NAME, name);
	return digest(name, sizeof(name));
}

static uint64_t ask_class(void)
{
	struct sched_param parameter = { 0 };

	sched_getparam(0, &parameter);
	return (uint64_t)sched_getscheduler(0) << 32 |
	       (uint64_t)(uint8_t)getpriority(PRIO_PROCESS, 0) << 8 |
	       (uint64_t)parameter.sched_priority;
}

static uint64_t ask_affinity(void)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	sched_getaffinity(0, sizeof(set), &set);
	return digest(&set, sizeof(set));
}

static uint64_t ask_robust(void)
{
	void *list = NULL;
	size_t size = 0;

	syscall(SYS_get_robust_list, 0, &list, &size);
	return (uintptr_t)list ^ size;
}

/* Registered: the kernel keeps the number of the processor there. */
static uint64_t ask_rseq(void)
{
	const struct rseq *rseq =
		(void *)((char *)__builtin_thread_pointer() + __rseq_offset);

	return __rseq_size && rseq->cpu_id < 1u << 16;
}

static uint64_t ask_floating(void)
{
	fenv_t environment;

	fegetenv(&environment);
	return (uint64_t)environment.__mxcsr << 16 |
	       environment.__control_word;
}

static uint64_t ask_limits(void)
{
	struct rlimit limits[RLIM_NLIMITS];

	for (int i = 0; i < RLIM_NLIMITS; i++)
		getrlimit((enum __rlimit_resource)i, &limits[i]);
	return digest(limits, sizeof(limits));
}

static uint64_t ask_break(void)
{
	return (uintptr_t)sbrk(0);
}

#define FLAG_DIRECTION 0x400
#define FLAG_ALIGNMENT 0x40000 /* no code of the compiler's runs with it */

/* What stays set for a while; most stops meet a thread here. */
static uint64_t ask_flags(void)
{
	uint64_t flags;

	__asm__ volatile("lea -128(%%rsp), %%rsp\n\t" /* the red zone */
			 "pushf\n\t"
			 "orq %[set], (%%rsp)\n\t"
			 "popf\n\t"
			 "mov $200000, %%ecx\n"
			 "1: dec %%ecx\n\t"
			 "jnz 1b\n\t"
			 "pushf\n\t"
			 "mov (%%rsp), %[flags]\n\t"
			 "andq %[clear], (%%rsp)\n\t"
			 "popf\n\t"
			 "lea 128(%%rsp), %%rsp\n\t"
			 : [flags] "=&r"(flags)
			 : [set] "i"(FLAG_DIRECTION | FLAG_ALIGNMENT),
			   [clear] "i"(~(FLAG_DIRECTION | FLAG_ALIGNMENT))
			 : "rcx", "cc", "memory");
	return flags & (FLAG_DIRECTION | FLAG_ALIGNMENT);
}

static const struct question {
	const char *name;
	uint64_t (*ask)(void);
} questions[] = {
	{ "errno", ask_errno }, /* first: the others may change it */
	{ "flags", ask_flags },
	{ "fs", ask_fs },
	{ "gs", ask_gs },
	{ "signal mask", ask_mask },
	{ "pending signals", ask_pending },
	{ "alternate stack", ask_stack },
	{ "personality", ask_personality },
	{ "timer slack", ask_slack },
	{ "privileges", ask_privileges },
	{ "name", ask_name },
	{ "scheduling class", ask_class },
	{ "affinity", ask_affinity },
	{ "robust list", ask_robust },
	{ "rseq", ask_rseq },
	{ "floating point control", ask_floating },
	{ "limits", ask_limits },
	{ "break", ask_break },
};

#define NR_QUESTIONS (sizeof(questions) / sizeof(*questions))

/* --- who asks ------------------------------------------------------------- */

#define NR_KEEPERS 3
#define ERRNO_KEPT ENOTBLK

static struct keeper {
	pthread_t thread;
	long nap_ns; /* between rounds, 0: none */
	bool in_handler;
	uint64_t answers[NR_QUESTIONS];
	char stack[65536];
	atomic_ulong nr_rounds, nr_changed;
	const char *changed;
} keepers[NR_KEEPERS] = {
	{ .nap_ns = 0 },
	{ .nap_ns = 300000 },
	{ .nap_ns = 300000, .in_handler = true },
};

static __thread struct keeper *own;

static void keep(struct keeper *keeper)
{
	for (size_t i = 0; i < NR_QUESTIONS; i++)
		keeper->answers[i] = i ? questions[i].ask() : ERRNO_KEPT;
	for (;;) {
		errno = ERRNO_KEPT;
		if (keeper->nap_ns)
			nanosleep(&(struct timespec){ 0, keeper->nap_ns },
				  NULL);
		for (size_t i = 0; i < NR_QUESTIONS; i++) {
			if (questions[i].ask() == keeper->answers[i])
				continue;
			keeper->changed = questions[i].name;
			atomic_fetch_add(&keeper->nr_changed, 1);
		}
		atomic_fetch_add(&keeper->nr_rounds, 1);
	}
}

static void on_signal(int number)
{
	(void)number;
	keep(own);
}

/* Each has something of its own, of everything that can be set. */
static void *keeper_run(void *arg)
{
	struct keeper *keeper = arg;
	size_t index = (size_t)(keeper - keepers);
	stack_t stack = { .ss_sp = keeper->stack,
			  .ss_size = sizeof(keeper->stack) };
	char name[16];
	cpu_set_t set;

	own = keeper;
	snprintf(name, sizeof(name), "keeper %zu", index);
	prctl(PR_SET_NAME, name);
	prctl(PR_SET_TIMERSLACK, 60000 + index);
	sigaltstack(&stack, NULL);
	syscall(SYS_arch_prctl, ARCH_SET_GS, &keepers[index].answers);
	fesetround(FE_UPWARD);
	CPU_ZERO(&set);
	CPU_SET(0, &set);
	if (index == 1)
		sched_setaffinity(0, sizeof(set), &set);
	setpriority(PRIO_PROCESS, (id_t)gettid(), (int)index);
	if (keeper->in_handler)
		pthread_kill(pthread_self(), SIGUSR1);
	keep(keeper);
	return NULL;
}

/* --- commands ------------------------------------------------------------- */

static void rounds_await(unsigned long more)
{
	for (size_t i = 0; i < NR_KEEPERS; i++) {
		struct keeper *keeper = &keepers[i];
		unsigned long until = atomic_load(&keeper->nr_rounds) + more;

		while (atomic_load(&keeper->nr_rounds) < until)
			usleep(1000);
	}
}

/* Signals of both kinds wait: of the process, and of a thread. */
static void signals_queue(void)
{
	for (int i = 1; i <= 3; i++) {
		union sigval number = { .sival_int = i };

		sigqueue(getpid(), SIGRTMIN + 1, number);
		pthread_sigqueue(pthread_self(), SIGRTMIN + 2, number);
	}
}

static void do_start(int nr, char **args)
{
	struct sigaction action = { .sa_handler = on_signal,
				    .sa_flags = SA_ONSTACK };
	sigset_t set;

	(void)nr, (void)args;
	sigemptyset(&set);
	sigaddset(&set, SIGRTMIN + 1);
	sigaddset(&set, SIGRTMIN + 2);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	sigaction(SIGUSR1, &action, NULL);
	signals_queue();
	for (size_t i = 0; i < NR_KEEPERS; i++)
		if (pthread_create(&keepers[i].thread, NULL, keeper_run,
				   &keepers[i]))
			abort();
	rounds_await(1);
	answer("ok");
}

static void do_report(int nr, char **args)
{
	unsigned long nr_rounds = 0, nr_changed = 0;
	const char *changed = NULL;

	(void)nr, (void)args;
	rounds_await(2);
	for (size_t i = 0; i < NR_KEEPERS; i++) {
		nr_rounds += atomic_load(&keepers[i].nr_rounds);
		nr_changed += atomic_load(&keepers[i].nr_changed);
		if (keepers[i].changed)
			changed = keepers[i].changed;
	}
	answer("rounds %lu changed %lu%s%s", nr_rounds, nr_changed,
	       changed ? " " : "", changed ? changed : "");
}

static void do_pending(int nr, char **args)
{
	const struct timespec at_once = { 0, 0 };
	char text[128] = "";

	(void)nr, (void)args;
	for (int kind = 1; kind <= 2; kind++) {
		siginfo_t info;
		sigset_t set;

		sigemptyset(&set);
		sigaddset(&set, SIGRTMIN + kind);
		while (sigtimedwait(&set, &info, &at_once) > 0)
			sprintf(text + strlen(text), "%d.%d ", kind,
				info.si_value.sival_int);
	}
	answer("%s", text);
}

static void do_value(int nr, char **args)
{
	(void)nr, (void)args;
	answer("%d", value());
}

int main(void)
{
	static const struct command commands[] = {
		{ "value", do_value },	   { "start", do_start },
		{ "report", do_report },   { "pending", do_pending },
		{ NULL, NULL },
	};

	return target_main(commands);
}
