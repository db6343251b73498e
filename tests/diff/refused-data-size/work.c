/* The array in the running program is as long as it is. */
#include "serve.h"

static int slots[16];

SEPARATE static int put(int a)
{
	slots[a % 16] += a;
	return slots[a % 16];
}

COMMAND(put) { answer("%d", put(ARGUMENT)); }

const struct command commands[] = { ENTRY(put), END };
