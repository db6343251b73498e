/* The variable is one, wherever the function was inlined. */
#include "serve.h"

static inline __attribute__((always_inline)) int next(int a)
{
	static int number = 5;

	number += a;
	return number;
}

SEPARATE static int one(int a) { return next(a) * 10; }
SEPARATE static int two(int a) { return next(a + 1) * 100; }

COMMAND(one) { answer("%d", one(ARGUMENT)); }
COMMAND(two) { answer("%d", two(ARGUMENT)); }

const struct command commands[] = { ENTRY(one), ENTRY(two), END };
