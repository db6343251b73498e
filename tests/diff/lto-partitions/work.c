/* Every function is optimised on its own: what is static here is promoted to a
   hidden symbol with a number, which the added function takes away. */
#include "serve.h"

static int sum;

SEPARATE static int count(int a)
{
	static int calls = 40;

	return a + calls++;
}

SEPARATE static int raise_sum(int a)
{
	static int calls = 10;

	sum += a + calls++;
	return sum;
}

extern int other(int a);

COMMAND(count) { answer("%d", count(ARGUMENT)); }
COMMAND(raise) { answer("%d", raise_sum(ARGUMENT)); }
COMMAND(sum) { answer("%d", sum); }
COMMAND(other) { answer("%d", other(ARGUMENT)); }

const struct command commands[] = { ENTRY(count), ENTRY(raise), ENTRY(sum),
				    ENTRY(other), END };
