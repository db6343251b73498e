/* A new function in a file of its own, and a wrapper that calls it. */
#include "serve.h"

SEPARATE static int price(int a)
{
	return a * 7;
}

COMMAND(price) { answer("%d", price(ARGUMENT)); }

const struct command commands[] = { ENTRY(price), END };
