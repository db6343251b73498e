/* The changed function has no code of its own. */
#include "serve.h"

static inline __attribute__((always_inline)) int check(int a)
{
	return a > 10 ? 10 : a;
}

SEPARATE static int one(int a) { return check(a) * 2; }
SEPARATE static int two(int a) { return check(a + 1) * 3; }
SEPARATE static int three(int a) { return a * 4 - 1; }

COMMAND(one) { answer("%d", one(ARGUMENT)); }
COMMAND(two) { answer("%d", two(ARGUMENT)); }
COMMAND(three) { answer("%d", three(ARGUMENT)); }

const struct command commands[] = { ENTRY(one), ENTRY(two), ENTRY(three), END };
