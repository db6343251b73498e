/* The fix does without a header, and removes it. */
#include "serve.h"
#include "limit.h"

SEPARATE static int price(int a)
{
	return limited(a * 3);
}

SEPARATE static int other(int a)
{
	return a * 5;
}

COMMAND(price) { answer("%d", price(ARGUMENT)); }
COMMAND(other) { answer("%d", other(ARGUMENT)); }

const struct command commands[] = { ENTRY(price), ENTRY(other), END };
