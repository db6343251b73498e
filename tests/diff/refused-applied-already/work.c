/* The source has the fix, the running program has not: the other source is
   needed. */
#include "serve.h"

SEPARATE static int work(int a)
{
	return a * 4;
}

COMMAND(work) { answer("%d", work(ARGUMENT)); }

const struct command commands[] = { ENTRY(work), END };
