/* Two functions have a static variable of the same name. */
#include "serve.h"

SEPARATE static int first(int a)
{
	static int count = 10;

	count += a;
	return count;
}

SEPARATE static int second(int a)
{
	static int count = 500;

	count += a;
	return count;
}

COMMAND(first) { answer("%d", first(ARGUMENT)); }
COMMAND(second) { answer("%d", second(ARGUMENT)); }

const struct command commands[] = { ENTRY(first), ENTRY(second), END };
