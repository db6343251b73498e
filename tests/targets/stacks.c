/*
 * Threads inside hold() on stacks that nobody expects: behind a signal handler
 * on an alternate stack, on memory that assembly has put into the stack pointer,
 * on a coroutine's, below code that was made at run time. `enter HOW PLACE` sends one there and
 * answers when it stays; `let` has the last one out, and says what hold()
 * returned to it.
 */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <ucontext.h>

#include "target.h"

#define STACK_SIZE (64 << 10)

static int gate[2], results[2];
static atomic_int nr_inside;
static volatile int one = 1;

PATCHABLE static void gate_pass(void)
{
	char byte;

	atomic_fetch_add(&nr_inside, 1);
	while (read(gate[0], &byte, 1) != 1)
		;
	atomic_fetch_sub(&nr_inside, 1);
}

/* What a thread does inside hold(), and where. */
struct visit {
	int (*how)(struct visit *visit);
	void (*inside)(struct visit *visit);
	char *stack; /* PLACE: the end of it */
	int (*code)(int (*function)(struct visit *), struct visit *visit);
};

/* --- the function -------------------------------------------------------------- */

PATCHABLE void go_inside(struct visit *visit)
{
	visit->inside(visit);
}

PATCHABLE int hold(struct visit *visit)
{
	go_inside(visit);
	return one;
}

/* For workers and for threads that only pass by. */
PATCHABLE int value(void)
{
	return one;
}

static void stay(struct visit *visit)
{
	(void)visit;
	gate_pass();
}

static int stay_outside(struct visit *visit)
{
	stay(visit);
	return 0;
}

/* --- a stack pointer set by hand ------------------------------------------------ */

/* Calls function(visit) on another stack; no table says how to come back. */
int call_on(char *stack, int (*function)(struct visit *), struct visit *visit);
__asm__(".text\n"
	".type call_on, @function\n"
	"call_on:\n"
	"	push %rbx\n"
	"	mov %rsp, %rbx\n"
	"	mov %rdi, %rsp\n"
	"	mov %rdx, %rdi\n"
	"	call *%rsi\n"
	"	mov %rbx, %rsp\n"
	"	pop %rbx\n"
	"	ret\n"
	".size call_on, . - call_on\n");

static char static_stack[STACK_SIZE] __attribute__((aligned(4096)));

static char *stack_in(const char *place)
{
	char *stack = static_stack;

	if (!strcmp(place, "heap"))
		stack = malloc(STACK_SIZE);
	else if (!strcmp(place, "mmap"))
		stack = mmap(NULL, STACK_SIZE, PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	else if (!strcmp(place, "shared"))
		stack = mmap(NULL, STACK_SIZE, PROT_READ | PROT_WRITE,
			     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (!stack || stack == MAP_FAILED)
		abort();
	explicit_bzero(stack, STACK_SIZE);
	return (char *)((uintptr_t)(stack + STACK_SIZE) & ~15ul);
}

static void switch_and_stay(struct visit *visit)
{
	call_on(visit->stack, stay_outside, visit);
	one = 1;
}

/* hold() is on the old stack, the thread on the new one. */
static int switched_inside(struct visit *visit)
{
	visit->inside = switch_and_stay;
	return hold(visit);
}

static int switched_before(struct visit *visit)
{
	return call_on(visit->stack, hold, visit);
}

static int switched_outside(struct visit *visit)
{
	return call_on(visit->stack, stay_outside, visit);
}

/* --- signal handlers on an alternate stack --------------------------------------- */

static void stay_in_handler(int signal)
{
	(void)signal;
	gate_pass();
}

static void be_interrupted(struct visit *visit)
{
	stack_t stack = { .ss_sp = visit->stack - STACK_SIZE,
			  .ss_size = STACK_SIZE };

	if (sigaltstack(&stack, NULL))
		abort();
	syscall(SYS_tgkill, getpid(), (int)syscall(SYS_gettid), SIGUSR1);
	stack.ss_flags = SS_DISABLE;
	sigaltstack(&stack, NULL);
}

static int interrupted_inside(struct visit *visit)
{
	visit->inside = be_interrupted;
	return hold(visit);
}

static int interrupted_outside(struct visit *visit)
{
	be_interrupted(visit);
	return 0;
}

/* hold() is called by the handler. */
static __thread struct visit *own_visit;
static __thread int own_result;

static void hold_in_handler(int signal)
{
	(void)signal;
	own_result = hold(own_visit);
}

static int handler_inside(struct visit *visit)
{
	struct sigaction action = { .sa_handler = hold_in_handler,
				    .sa_flags = SA_ONSTACK };
	stack_t stack = { .ss_sp = visit->stack - STACK_SIZE,
			  .ss_size = STACK_SIZE };

	own_visit = visit;
	sigaction(SIGUSR2, &action, NULL);
	if (sigaltstack(&stack, NULL))
		abort();
	syscall(SYS_tgkill, getpid(), (int)syscall(SYS_gettid), SIGUSR2);
	stack.ss_flags = SS_DISABLE;
	sigaltstack(&stack, NULL);
	return own_result;
}

/* --- code made at run time --------------------------------------------------------- */

/* Calls function(visit) without being known to anybody. */
static const unsigned char made_code[] = {
	0x53,		  /* push %rbx */
	0x48, 0x89, 0xf8, /* mov %rdi, %rax */
	0x48, 0x89, 0xf7, /* mov %rsi, %rdi */
	0xff, 0xd0,	  /* call *%rax */
	0x5b,		  /* pop %rbx */
	0xc3,		  /* ret */
};

/* In memory that is writable and executable, or that is mapped twice. */
static void *code_in(const char *place)
{
	int all = PROT_READ | PROT_WRITE | PROT_EXEC, fd;
	void *code;

	if (!strcmp(place, "twice")) {
		fd = (int)syscall(SYS_memfd_create, "jit", 1 /* CLOEXEC */);
		if (fd < 0 || write(fd, made_code, sizeof(made_code)) < 0 ||
		    ftruncate(fd, 4096) < 0)
			abort();
		if (mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
			 0) == MAP_FAILED)
			abort();
		code = mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_SHARED, fd,
			    0);
		close(fd);
	} else {
		code = mmap(NULL, 4096, all, MAP_PRIVATE | MAP_ANONYMOUS, -1,
			    0);
		if (code != MAP_FAILED)
			memcpy(code, made_code, sizeof(made_code));
	}
	if (code == MAP_FAILED)
		abort();
	return code;
}

static int made_calls_hold(struct visit *visit)
{
	return visit->code(hold, visit);
}

static void made_inside(struct visit *visit)
{
	visit->code(stay_outside, visit);
	one = 1;
}

static int made_below_hold(struct visit *visit)
{
	visit->inside = made_inside;
	return hold(visit);
}

static int made_outside(struct visit *visit)
{
	return visit->code(stay_outside, visit);
}

/* --- coroutines --------------------------------------------------------------------- */

static __thread ucontext_t outside, inside;

static void leave_coroutine(struct visit *visit)
{
	(void)visit;
	swapcontext(&inside, &outside);
	one = 1;
}

static void coroutine_holds(void)
{
	own_visit->inside = leave_coroutine;
	own_result = hold(own_visit);
}

static void coroutine_stays(void)
{
	stay(own_visit);
}

static void coroutine_make(struct visit *visit, void (*function)(void))
{
	own_visit = visit;
	getcontext(&inside);
	inside.uc_stack.ss_sp = visit->stack - STACK_SIZE;
	inside.uc_stack.ss_size = STACK_SIZE;
	inside.uc_link = &outside;
	makecontext(&inside, function, 0);
}

/* hold() waits on a coroutine's stack, and the thread on its own. */
static int coroutine_suspended(struct visit *visit)
{
	coroutine_make(visit, coroutine_holds);
	swapcontext(&outside, &inside);
	stay(visit);
	swapcontext(&outside, &inside);
	explicit_bzero(&inside, sizeof(inside));
	explicit_bzero(&outside, sizeof(outside));
	return own_result;
}

static void enter_coroutine(struct visit *visit)
{
	coroutine_make(visit, coroutine_stays);
	swapcontext(&outside, &inside);
	explicit_bzero(&inside, sizeof(inside));
	explicit_bzero(&outside, sizeof(outside));
}

/* hold() is on the thread's own stack, the thread on a coroutine's. */
static int coroutine_inside(struct visit *visit)
{
	visit->inside = enter_coroutine;
	return hold(visit);
}

/* --- commands ------------------------------------------------------------------------ */

static const struct {
	const char *name;
	int (*how)(struct visit *visit);
} ways[] = {
	{ "switched-inside", switched_inside },
	{ "switched-before", switched_before },
	{ "switched-outside", switched_outside },
	{ "interrupted-inside", interrupted_inside },
	{ "interrupted-outside", interrupted_outside },
	{ "handler-inside", handler_inside },
	{ "coroutine-suspended", coroutine_suspended },
	{ "coroutine-inside", coroutine_inside },
	{ "made-before", made_calls_hold },
	{ "made-inside", made_below_hold },
	{ "made-outside", made_outside },
};

static pthread_t visitor;
static pid_t visitor_tid;

/* Nothing that has once been a return address stays behind. */
PATCHABLE static void wipe(char *stack)
{
	volatile char below[16384];

	for (size_t i = 0; i < sizeof(below); i++)
		below[i] = 0;
	if (stack)
		explicit_bzero(stack - STACK_SIZE, STACK_SIZE);
}

static void *visit_run(void *context)
{
	struct visit *visit = context;
	int got;

	visitor_tid = (pid_t)syscall(SYS_gettid);
	got = visit->how(visit);
	wipe(visit->stack);
	free(visit);
	if (write(results[1], &got, sizeof(got)) != sizeof(got))
		abort();
	return NULL;
}

/* enter HOW PLACE */
static void do_enter(int nr, char **args)
{
	struct visit *visit = calloc(1, sizeof(*visit));
	const char *place = nr > 2 ? args[2] : "static";
	int want = atomic_load(&nr_inside) + 1;

	for (size_t i = 0; i < sizeof(ways) / sizeof(*ways); i++)
		if (nr > 1 && !strcmp(args[1], ways[i].name))
			visit->how = ways[i].how;
	if (!visit->how) {
		answer("no such way");
		return;
	}
	visit->inside = stay;
	if (strncmp(args[1], "made", 4))
		visit->stack = stack_in(place);
	else
		visit->code = code_in(place);
	if (pthread_create(&visitor, NULL, visit_run, visit))
		abort();
	while (atomic_load(&nr_inside) != want)
		sched_yield();
	answer("inside");
}

static void do_let(int nr, char **args)
{
	int got;

	(void)nr, (void)args;
	if (write(gate[1], "", 1) != 1 ||
	    read(results[0], &got, sizeof(got)) != sizeof(got))
		abort();
	pthread_join(visitor, NULL);
	while (!syscall(SYS_tgkill, getpid(), visitor_tid, 0))
		sched_yield();
	answer("%d", got);
}

static atomic_ulong nr_calls, nr_bad;
static int (*volatile made_value)(int (*)(struct visit *), struct visit *);

static int value_for(struct visit *visit)
{
	int got = value();

	(void)visit;
	one = 1;
	return got;
}

/* Calls value() by itself and through code made at run time, in turn. */
static void *worker_run(void *unused)
{
	for (unsigned int i = 1;; i++) {
		int got = i % 2 ? value() : made_value(value_for, NULL);

		if (got < 1 || got > 2)
			atomic_fetch_add(&nr_bad, 1);
		atomic_fetch_add(&nr_calls, 1);
		if (i % 256 == 0)
			nanosleep(&(struct timespec){ 0, 500000 }, NULL);
	}
	return unused;
}

static void do_workers(int nr, char **args)
{
	pthread_t thread;

	made_value = code_in("twice");
	for (int i = 0; i < number(nr, args, 1); i++)
		if (pthread_create(&thread, NULL, worker_run, NULL))
			abort();
	answer("ok");
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

static void do_value(int nr, char **args)
{
	(void)nr, (void)args;
	answer("%d", value());
}

int main(void)
{
	static const struct command commands[] = {
		{ "enter", do_enter },	   { "let", do_let },
		{ "workers", do_workers }, { "calls", do_calls },
		{ "value", do_value },	   { NULL, NULL },
	};
	struct sigaction action = { .sa_handler = stay_in_handler,
				    .sa_flags = SA_ONSTACK };

	if (pipe(gate) || pipe(results) || sigaction(SIGUSR1, &action, NULL))
		return 1;
	return target_main(commands);
}
