/* A new static variable, beside one that goes on living. */
#include "serve.h"

SEPARATE static int count(int a)
{
	static int total = 40;

	return total += a;
}

COMMAND(count) { answer("%d", count(ARGUMENT)); }

const struct command commands[] = { ENTRY(count), END };
