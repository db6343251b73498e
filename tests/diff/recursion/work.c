/* Functions that call themselves and each other. */
#include "serve.h"

SEPARATE static int odd(int a);

SEPARATE static int even(int a)
{
	return a == 0 ? 1 : odd(a - 1);
}

SEPARATE static int odd(int a)
{
	return a == 0 ? 0 : even(a - 1);
}

SEPARATE static int sum(int a)
{
	return a <= 0 ? 0 : a + sum(a - 1) * (a & 1 ? 1 : -1);
}

COMMAND(even) { answer("%d", even(ARGUMENT)); }
COMMAND(sum) { answer("%d", sum(ARGUMENT)); }

const struct command commands[] = { ENTRY(even), ENTRY(sum), END };
