/* A static function gets an argument; its callers come along. */
#include "serve.h"

volatile int noise;

SEPARATE static int compute(int a, const char *name)
{
	noise++;
	return a * 2 + name[0];
}

SEPARATE static int caller(int a)
{
	return compute(a, "a") + 1;
}

SEPARATE static int second_caller(int a)
{
	return compute(a + 5, "b") + 2;
}

SEPARATE static int third(int a)
{
	return a * 2 + 9;
}

COMMAND(first) { answer("%d", caller(ARGUMENT)); }
COMMAND(second) { answer("%d", second_caller(ARGUMENT)); }
COMMAND(third) { answer("%d", third(ARGUMENT)); }

const struct command commands[] = { ENTRY(first), ENTRY(second), ENTRY(third),
				    END };
