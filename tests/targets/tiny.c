/*
 * Functions whose first bytes are the hard part, written out byte by byte:
 * shorter than a jump, with and without padding around; with a branch back
 * into the first bytes; across the border of two pages; with room for a jump.
 * Their neighbours must come through unharmed.
 */
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdatomic.h>
#include <time.h>

#include "target.h"

/* One function at exactly this place, nothing before or behind it. */
#define FUNCTION(name, ...)                                                    \
	__asm__(".pushsection .text.tiny, \"ax\", @progbits\n"                 \
		".globl " #name "\n.type " #name ", @function\n" #name ":\n"   \
		__VA_ARGS__ "\n.size " #name ", . - " #name "\n.popsection");  \
	int name(int)

#define PADDING                                                                \
	__asm__(".pushsection .text.tiny, \"ax\", @progbits\n"                 \
		".balign 16\n.popsection")

PADDING;
FUNCTION(short_padded, "xor %eax, %eax\n"
		       "ret");
PADDING;
FUNCTION(behind_padded, "mov $7, %eax\n"
			"ret");
PADDING;

/* Three in a row, without a byte between. */
FUNCTION(before_alone, "mov $6, %eax\n"
		       "ret");
FUNCTION(short_alone, "xor %eax, %eax\n"
		      "ret");
FUNCTION(behind_alone, "mov $8, %eax\n"
		       "ret");
PADDING;

/* A branch to byte 2, which a 5-byte jump would overwrite. */
#define LOOP                                                                   \
	"xor %eax, %eax\n"                                                     \
	"1: inc %eax\n"                                                        \
	"cmp $5, %eax\n"                                                       \
	"jne 1b\n"                                                             \
	"ret"
FUNCTION(loop_padded, LOOP);
PADDING;
FUNCTION(before_loop, "mov $9, %eax\n"
		      "ret");
FUNCTION(loop_alone, LOOP);
FUNCTION(behind_loop, "mov $10, %eax\n"
		      "ret");
PADDING;

/* A branch to its own first byte. */
FUNCTION(again, "lea -1(%rdi), %edi\n"
		"test %edi, %edi\n"
		"jns again\n"
		"mov %edi, %eax\n"
		"ret");
PADDING;

/* As -fpatchable-function-entry leaves it. */
FUNCTION(roomy, ".byte 0x0f, 0x1f, 0x44, 0, 0\n"
		"mov $11, %eax\n"
		"ret");

/* The first instruction stands on two pages. */
__asm__(".pushsection .text.tiny, \"ax\", @progbits\n"
	".balign 4096\n.skip 4094, 0xcc\n.popsection");
FUNCTION(page_crossing, "mov $12, %eax\n"
			"ret");

/* The first byte of a page, and the last function of the page before. */
__asm__(".pushsection .text.tiny, \"ax\", @progbits\n"
	".balign 4096\n.skip 4090, 0xcc\n.popsection");
FUNCTION(before_page, "mov $13, %eax\n"
		      "ret");
FUNCTION(page_start, "mov $14, %eax\n"
		     "ret");

/* Never comes back: its callers have no code behind the call. */
static __thread jmp_buf way_back;

__attribute__((noipa, noreturn)) void jump_back(int x)
{
	longjmp(way_back, x);
}

__attribute__((noipa, noreturn)) void leave(int x)
{
	jump_back(x * 0 + 15);
}

static int leaves(int x)
{
	int got = setjmp(way_back);

	if (!got)
		leave(x);
	return got;
}

/* What the loader has chosen, and what chooses. */
PATCHABLE static int chosen_well(int x)
{
	return x * 0 + 16;
}

static int (*choose(void))(int)
{
	return chosen_well;
}

__attribute__((ifunc("choose"))) int chosen(int x);

static const struct function {
	const char *name;
	int (*call)(int);
	int old;
} functions[] = {
	{ "short_padded", short_padded, 0 },
	{ "behind_padded", behind_padded, 7 },
	{ "before_alone", before_alone, 6 },
	{ "short_alone", short_alone, 0 },
	{ "behind_alone", behind_alone, 8 },
	{ "loop_padded", loop_padded, 5 },
	{ "before_loop", before_loop, 9 },
	{ "loop_alone", loop_alone, 5 },
	{ "behind_loop", behind_loop, 10 },
	{ "again", again, -1 },
	{ "roomy", roomy, 11 },
	{ "page_crossing", page_crossing, 12 },
	{ "before_page", before_page, 13 },
	{ "page_start", page_start, 14 },
	{ "leave", leaves, 15 },
	{ "chosen_well", chosen, 16 },
};

#define NR_FUNCTIONS (sizeof(functions) / sizeof(functions[0]))

/* --- workers: each calls all of them, and knows what they may answer ----------- */

static atomic_int nr_working;
static atomic_ulong nr_rounds, nr_bad;

/* Replacements answer the argument and 1000, 2000 or 3000. */
static int is_right(int got, int argument, int old)
{
	return got == old || (got > argument && got <= argument + 3000 &&
			      (got - argument) % 1000 == 0);
}

static void *worker_run(void *unused)
{
	atomic_fetch_add(&nr_working, 1);
	for (int i = 1;; i = i % 900 + 1) {
		for (size_t j = 0; j < NR_FUNCTIONS; j++)
			if (!is_right(functions[j].call(i), i,
				      functions[j].old))
				atomic_fetch_add(&nr_bad, 1);
		atomic_fetch_add(&nr_rounds, 1);
		if (i % 64 == 0)
			nanosleep(&(struct timespec){ 0, 500000 }, NULL);
	}
	return unused;
}

static void do_workers(int nr, char **args)
{
	pthread_t thread;
	int want = number(nr, args, 1);

	for (int i = 0; i < want; i++)
		if (pthread_create(&thread, NULL, worker_run, NULL))
			abort();
	while (atomic_load(&nr_working) < want)
		sched_yield();
	answer("%d", want);
}

/* Answers after two hundred rounds more. */
static void do_calls(int nr, char **args)
{
	unsigned long until = atomic_load(&nr_rounds) + 200;

	(void)nr, (void)args;
	while (atomic_load(&nr_rounds) < until)
		nanosleep(&(struct timespec){ 0, 1000000 }, NULL);
	answer("bad %lu", atomic_load(&nr_bad));
}

static void do_call(int nr, char **args)
{
	for (size_t i = 0; i < NR_FUNCTIONS; i++) {
		if (nr > 1 && !strcmp(args[1], functions[i].name)) {
			answer("%d", functions[i].call(number(nr, args, 2)));
			return;
		}
	}
	answer("no function");
}

int main(void)
{
	static const struct command commands[] = {
		{ "call", do_call },
		{ "workers", do_workers },
		{ "calls", do_calls },
		{ NULL, NULL },
	};

	return target_main(commands);
}
