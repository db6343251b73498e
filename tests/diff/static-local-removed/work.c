/* What the variable holds would be lost, and its readers with it. */
#include "serve.h"

SEPARATE static int count(int a)
{
	static int total = 40;

	return total += a;
}

COMMAND(count) { answer("%d", count(ARGUMENT)); }

const struct command commands[] = { ENTRY(count), END };
