/* Three diffs, the second of which builds upon the first. */
#include "serve.h"

SEPARATE static int first(int a)
{
	return a * 1000 + 1;
}

SEPARATE static int second(int a)
{
	return a * 100 + 2;
}

COMMAND(first) { answer("%d", first(ARGUMENT)); }
COMMAND(second) { answer("%d", second(ARGUMENT)); }

const struct command commands[] = { ENTRY(first), ENTRY(second), END };
