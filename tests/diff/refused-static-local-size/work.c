/* A static variable of a function grows. */
#include "serve.h"

SEPARATE static int put(int a)
{
	static char seen[8];

	seen[a % 8]++;
	return seen[a % 8];
}

COMMAND(put) { answer("%d", put(ARGUMENT)); }

const struct command commands[] = { ENTRY(put), END };
