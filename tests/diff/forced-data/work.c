/* Its author knows that the value may stay as it is. */
#include "serve.h"

int limit = 10;

SEPARATE static int allowed(int a)
{
	return a < limit;
}

COMMAND(allowed) { answer("%d", allowed(ARGUMENT)); }
COMMAND(limit) { limit = ARGUMENT; answer("%d", limit); }

const struct command commands[] = { ENTRY(allowed), ENTRY(limit), END };
