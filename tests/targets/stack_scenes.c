/*
 * Threads in well-known places: `stack_scenes SCENE`.
 *
 * What is looked for is the code in section "probe". The program says where it
 * is, acts the scene out, says "ready" from the place where it then stays, and
 * lives until its standard input ends.
 */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <ucontext.h>

#define PROBE __attribute__((noipa, section("probe")))
#define APART __attribute__((noipa))
#define SPINNER __attribute__((noipa, section("spinner")))

extern const char __start_probe[], __stop_probe[];
extern const char __start_spinner[], __stop_spinner[];

static volatile int spinning = 1;
static volatile int zero;

/* Stays here for good. */
APART static void stay(void)
{
	char byte;

	if (write(1, "ready\n", 6) == 6)
		while (read(0, &byte, 1) > 0)
			;
	_exit(0);
}

/* So that calls to it are not the last thing a caller does. */
APART static void stay_awhile(void)
{
	stay();
	zero = 0;
}

APART static void deeper(int depth)
{
	if (depth)
		deeper(depth - 1);
	else
		stay();
	zero = 0;
}

/* --- the code that is looked for ------------------------------------------ */

PROBE void probe_idle(void)
{
	zero = 1;
}

PROBE void probe_calls(void (*function)(void))
{
	function();
	zero = 0;
}

PROBE void probe_deep(int depth)
{
	deeper(depth);
	zero = 0;
}

PROBE void probe_reads(void)
{
	char byte;

	if (write(1, "ready\n", 6) == 6)
		while (read(0, &byte, 1) > 0)
			;
	_exit(0);
}

PROBE void probe_spins(void)
{
	if (write(1, "ready\n", 6) == 6)
		while (spinning)
			;
}

/* Its call is its last instruction, and the last of the whole section. */
void probe_last(void);
__asm__(".pushsection probe, 1, \"ax\", @progbits\n"
	".type probe_last, @function\n"
	"probe_last:\n"
	".cfi_startproc\n"
	"	sub $8, %rsp\n"
	".cfi_adjust_cfa_offset 8\n"
	"	call stay_for_good\n"
	".cfi_endproc\n"
	".size probe_last, . - probe_last\n"
	".popsection\n");

/* Starts, section and all, with an instruction that faults. */
void probe_faults(void);
__asm__(".pushsection faulting, \"ax\", @progbits\n"
	".type probe_faults, @function\n"
	"probe_faults:\n"
	".cfi_startproc\n"
	"	ud2\n"
	"	ret\n"
	".cfi_endproc\n"
	".size probe_faults, . - probe_faults\n"
	".popsection\n");
extern const char __start_faulting[], __stop_faulting[];

__attribute__((used)) APART void stay_for_good(void)
{
	stay();
}

/* Calls @function without telling anybody what its frame looks like. */
void call_without_cfi(void (*function)(void));
__asm__(".text\n"
	".type call_without_cfi, @function\n"
	"call_without_cfi:\n"
	"	push %rbx\n"
	"	sub $64, %rsp\n"
	"	mov %rdi, %rax\n"
	"	lea 8(%rsp), %rbx\n"
	"	call *%rax\n"
	"	add $64, %rsp\n"
	"	pop %rbx\n"
	"	ret\n"
	".size call_without_cfi, . - call_without_cfi\n");

/* Tells its frame by an expression that jumps to its own start, for ever. */
void call_with_endless_cfi(void (*function)(void));
__asm__(".text\n"
	".type call_with_endless_cfi, @function\n"
	"call_with_endless_cfi:\n"
	".cfi_startproc\n"
	".cfi_escape 0x0f, 0x03, 0x2f, 0xfd, 0xff\n"
	"	push %rbx\n"
	"	call *%rdi\n"
	"	pop %rbx\n"
	"	ret\n"
	".cfi_endproc\n"
	".size call_with_endless_cfi, . - call_with_endless_cfi\n");

/* Calls @function on another stack, and tells how to come back. */
void call_on(void (*function)(void), char *stack);
__asm__(".text\n"
	".type call_on, @function\n"
	"call_on:\n"
	".cfi_startproc\n"
	"	push %rbx\n"
	".cfi_def_cfa_offset 16\n"
	".cfi_offset rbx, -16\n"
	"	mov %rsp, %rbx\n"
	".cfi_def_cfa_register rbx\n"
	"	mov %rsi, %rsp\n"
	"	call *%rdi\n"
	"	mov %rbx, %rsp\n"
	".cfi_def_cfa_register rsp\n"
	"	pop %rbx\n"
	".cfi_def_cfa_offset 8\n"
	"	ret\n"
	".cfi_endproc\n"
	".size call_on, . - call_on\n");

static char other_stack[65536] __attribute__((aligned(4096)));

/* --- scenes --------------------------------------------------------------- */

static void scene_free(void)
{
	stay_awhile();
}

static void scene_deep(void)
{
	probe_deep(20);
	zero = 0;
}

static void scene_blocked(void)
{
	probe_reads();
	zero = 0;
}

static void scene_spins(void)
{
	probe_spins();
	zero = 0;
}

static void scene_last(void)
{
	probe_last();
	zero = 0;
}

static void scene_too_deep(void)
{
	probe_deep(3000);
	zero = 0;
}

/* Leaves words behind on the stack as a called probe would. */
APART static void stain(void)
{
	volatile unsigned long words[64];

	for (size_t i = 0; i < 64; i++)
		words[i] = (unsigned long)__start_probe + 2;
	zero = (int)words[0] & 0;
}

/* A large buffer over those words, of which it writes none. */
APART static void uninitialised(void (*function)(void))
{
	volatile unsigned long buffer[64];

	buffer[0] = 0;
	function();
	zero = (int)buffer[0];
}

static void scene_stale(void)
{
	stain();
	uninitialised(stay_awhile);
}

APART static void stale_and_stay(void)
{
	stain();
	uninitialised(stay_awhile);
}

/* The stale words are in a frame whose callers are unknown... */
static void scene_nocfi_stale_below(void)
{
	call_without_cfi(stale_and_stay);
	zero = 0;
}

APART static void stay_without_cfi(void)
{
	call_without_cfi(stay_awhile);
	zero = 0;
}

/* ...and here beyond where the unwinder gets. */
static void scene_nocfi_stale_above(void)
{
	stain();
	uninitialised(stay_without_cfi);
}

APART static void stay_with_endless_cfi(void)
{
	call_with_endless_cfi(stay_awhile);
	zero = 0;
}

static void scene_endless_cfi(void)
{
	stain();
	uninitialised(stay_with_endless_cfi);
}

static void scene_nocfi(void)
{
	probe_calls(stay_without_cfi);
}

static int is_within(unsigned long pc, const char *start, const char *stop)
{
	return pc >= (unsigned long)start && pc < (unsigned long)stop;
}

/* On a loaded machine the alarm may come too early; then there is another. */
static void on_signal(int signal, siginfo_t *info, void *context)
{
	const ucontext_t *interrupted = context;
	unsigned long pc =
		(unsigned long)interrupted->uc_mcontext.gregs[REG_RIP];

	(void)info;
	if (signal == SIGALRM && !is_within(pc, __start_probe, __stop_probe) &&
	    !is_within(pc, __start_spinner, __stop_spinner)) {
		ualarm(1000, 0);
		return;
	}
	stay();
	zero = 0;
}

static void handle(int signal, int flags)
{
	struct sigaction action;

	memset(&action, 0, sizeof(action));
	action.sa_sigaction = on_signal;
	action.sa_flags = SA_SIGINFO | flags;
	if (sigaction(signal, &action, NULL) < 0)
		abort();
}

static void alternate_stack(void)
{
	stack_t stack;

	memset(&stack, 0, sizeof(stack));
	stack.ss_size = 64 * 1024;
	stack.ss_sp = malloc(stack.ss_size);
	if (!stack.ss_sp || sigaltstack(&stack, NULL) < 0)
		abort();
}

/* Not `raise`: the signal must meet this very code, after a moment of it. */
PROBE void probe_interrupted(void)
{
	ualarm(1000, 0);
	while (spinning)
		;
}

SPINNER static void spin_interrupted(void)
{
	ualarm(1000, 0);
	while (spinning)
		;
}

static void scene_handler(void)
{
	handle(SIGALRM, 0);
	probe_interrupted();
}

static void scene_handler_alternate(void)
{
	alternate_stack();
	handle(SIGALRM, SA_ONSTACK);
	probe_calls(spin_interrupted);
}

/* The same without the probe, and with the stack's words stale. */
static void scene_handler_alternate_free(void)
{
	alternate_stack();
	handle(SIGALRM, SA_ONSTACK);
	stain();
	uninitialised(spin_interrupted);
}

static void scene_faults(void)
{
	handle(SIGILL, 0);
	probe_faults();
	zero = 0;
}

APART static void stay_on_other_stack(void)
{
	call_on(stay_awhile, other_stack + sizeof(other_stack));
	zero = 0;
}

static void scene_moved(void)
{
	probe_calls(stay_on_other_stack);
	zero = 0;
}

/* Its frames lead back, so that what is stale is known to be. */
static void scene_moved_stale(void)
{
	stain();
	uninitialised(stay_on_other_stack);
}

#ifdef __GLIBC__
static ucontext_t outside, inside;

APART static void yield(void)
{
	swapcontext(&inside, &outside);
	zero = 0;
}

static void coroutine_probe(void)
{
	probe_calls(yield);
}

static void coroutine_other(void)
{
	yield();
	zero = 0;
}

/* A coroutine that has given up the processor; its stack is in the heap. */
static void with_coroutine(void (*function)(void))
{
	static const size_t size = 64 * 1024;

	getcontext(&inside);
	inside.uc_stack.ss_sp = calloc(1, size);
	inside.uc_stack.ss_size = size;
	inside.uc_link = &outside;
	makecontext(&inside, function, 0);
	swapcontext(&outside, &inside);
	stay_awhile();
}

static void scene_coroutine(void)
{
	with_coroutine(coroutine_probe);
}

static void scene_coroutine_free(void)
{
	with_coroutine(coroutine_other);
}

/* The thread has left its own stack, in the middle of the probe. */
static void enter_coroutine(void)
{
	with_coroutine(stay_awhile);
	zero = 0;
}

static void scene_left(void)
{
	probe_calls(enter_coroutine);
}

/* The thread stands on the coroutine's stack, in the middle of the heap. */
static void scene_in_coroutine(void)
{
	with_coroutine(stale_and_stay);
}
#endif

static void *thread_main(void *context)
{
	(void)context;
	probe_calls(stay_awhile);
	return NULL;
}

static void *thread_idle(void *context)
{
	char byte;

	(void)context;
	if (write(1, "ready\n", 6) == 6)
		while (read(0, &byte, 1) > 0)
			;
	_exit(0);
}

static void with_threads(void *(*last)(void *))
{
	pthread_t thread;

	for (int i = 0; i < 3; i++)
		if (pthread_create(&thread, NULL, i < 2 ? thread_idle : last,
				   NULL))
			abort();
	stay_awhile();
}

/* More stack between here and the caller than anybody wants to look at. */
APART static void far_down(void (*function)(void))
{
	volatile char buffer[20 << 20];

	buffer[0] = 0;
	function();
	zero = buffer[0];
}

static void far_and_stay(void)
{
	far_down(stay_awhile);
	zero = 0;
}

static void far_and_stay_without_cfi(void)
{
	far_down(stay_without_cfi);
	zero = 0;
}

static void *thread_far(void *function)
{
	probe_calls((void (*)(void))function);
	return NULL;
}

static void *thread_far_free(void *function)
{
	((void (*)(void))function)();
	zero = 0;
	return NULL;
}

static void with_large_stack(void *(*start)(void *), void (*function)(void))
{
	pthread_attr_t attributes;
	pthread_t thread;

	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, 32 << 20);
	if (pthread_create(&thread, &attributes, start, (void *)function))
		abort();
	stay_awhile();
}

static void scene_far(void)
{
	with_large_stack(thread_far, far_and_stay);
}

static void scene_far_free(void)
{
	with_large_stack(thread_far_free, far_and_stay);
}

static void scene_far_nocfi(void)
{
	with_large_stack(thread_far_free, far_and_stay_without_cfi);
}

static void scene_threads(void)
{
	with_threads(thread_main);
}

static void *thread_stale(void *context)
{
	stain();
	return thread_idle(context);
}

static void scene_threads_stale(void)
{
	with_threads(thread_stale);
}

static void scene_threads_free(void)
{
	with_threads(thread_idle);
}

/* Three pages with function pointers in memory: to the start and behind it. */
static const void *volatile pointers[3 * 512]
	__attribute__((aligned(4096)));

static void scene_pointers(void)
{
	const void **shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
				   MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (shared == MAP_FAILED)
		abort();
	pointers[0] = __start_probe;
	pointers[1] = __start_probe + 1;
	pointers[1024] = __start_probe + 2;
	shared[0] = __start_probe + 3;
	stay_awhile();
}

static const struct {
	const char *name;
	void (*play)(void);
} scenes[] = {
	{ "free", scene_free },
	{ "deep", scene_deep },
	{ "blocked", scene_blocked },
	{ "spins", scene_spins },
	{ "last", scene_last },
	{ "too-deep", scene_too_deep },
	{ "stale", scene_stale },
	{ "nocfi", scene_nocfi },
	{ "nocfi-stale-below", scene_nocfi_stale_below },
	{ "nocfi-stale-above", scene_nocfi_stale_above },
	{ "endless-cfi", scene_endless_cfi },
	{ "handler", scene_handler },
	{ "handler-alternate", scene_handler_alternate },
	{ "handler-alternate-free", scene_handler_alternate_free },
	{ "faults", scene_faults },
	{ "moved", scene_moved },
	{ "moved-stale", scene_moved_stale },
#ifdef __GLIBC__
	{ "coroutine", scene_coroutine },
	{ "coroutine-free", scene_coroutine_free },
	{ "in-coroutine", scene_in_coroutine },
	{ "left-for-coroutine", scene_left },
#endif
	{ "far", scene_far },
	{ "far-free", scene_far_free },
	{ "far-nocfi", scene_far_nocfi },
	{ "threads", scene_threads },
	{ "threads-stale", scene_threads_stale },
	{ "threads-free", scene_threads_free },
	{ "pointers", scene_pointers },
};

APART static int say_where(const char *scene)
{
	const char *start = __start_probe, *stop = __stop_probe;
	char line[64];
	int size;

	if (!strcmp(scene, "faults")) {
		start = __start_faulting;
		stop = __stop_faulting;
	}
	size = sprintf(line, "%lx %lx\n", (unsigned long)start,
		       (unsigned long)stop);
	return write(1, line, (size_t)size) == size;
}

/* What said where the probe is has left it on the stack. */
APART static void wipe_stack(void)
{
	volatile char buffer[16384];

	for (size_t i = 0; i < sizeof(buffer); i++)
		buffer[i] = 0;
}

int main(int argc, char **argv)
{
	const char *scene = argc > 1 ? argv[1] : "";

	for (size_t i = 0; i < sizeof(scenes) / sizeof(*scenes); i++) {
		if (strcmp(scene, scenes[i].name) || !say_where(scene))
			continue;
		wipe_stack();
		scenes[i].play();
		return 0;
	}
	fprintf(stderr, "stack_scenes: no such scene: %s\n", scene);
	return 2;
}
