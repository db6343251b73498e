/* The program started long ago. */
#include "serve.h"

static int factor = 2;

SEPARATE static int work(int a)
{
	return a * factor;
}

COMMAND(work) { answer("%d", work(ARGUMENT)); }
COMMAND(set) { factor = ARGUMENT; answer("%d", factor); }

const struct command commands[] = { ENTRY(work), ENTRY(set), END };
