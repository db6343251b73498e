/* Functions that are chosen at start-up: those of the C library and one of the
   program's own, called from what changes. */
#include "serve.h"

static int quick(int a) { return a * 10; }
static int slow(int a) { return a * 11; }

static int (*choose_work(void))(int)
{
	return sizeof(long) == 8 ? quick : slow;
}

__attribute__((ifunc("choose_work"))) int chosen(int a);

SEPARATE static int use(const char *text, int a)
{
	char copy[32];

	memcpy(copy, text, strlen(text) + 1);
	return (int)strlen(copy) + chosen(a);
}

COMMAND(use) { answer("%d", use(args[1], ARGUMENT2)); }

const struct command commands[] = { ENTRY(use), END };
