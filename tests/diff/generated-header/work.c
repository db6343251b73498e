/* Uses a generated header whose lines move. */
#include "serve.h"
#include <assert.h>
#include "ops.h"

int three(int a);

SEPARATE static int one(int a)
{
	return first(a) + 10;
}

SEPARATE static int two(int a)
{
	return checked(a);
}

COMMAND(one) { answer("%d", one(ARGUMENT)); }
COMMAND(two) { answer("%d", two(ARGUMENT)); }
COMMAND(three) { answer("%d", three(ARGUMENT)); }

const struct command commands[] = { ENTRY(one), ENTRY(two), ENTRY(three), END };
