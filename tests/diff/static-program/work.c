/* A program that holds its libraries: most of its functions are no object's. */
#include "serve.h"

static int limit = 10;

SEPARATE static int allowed(int a)
{
	return a < limit;
}

COMMAND(allowed) { answer("%d", allowed(ARGUMENT)); }
COMMAND(limit) { limit = ARGUMENT; answer("%d", limit); }

const struct command commands[] = { ENTRY(allowed), ENTRY(limit), END };
