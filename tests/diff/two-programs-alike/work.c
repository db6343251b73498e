/* One source, compiled with other macros into two programs of the same name,
   which have the same functions. */
#include "serve.h"

SEPARATE static int work(int a)
{
	return a * FACTOR;
}

COMMAND(work) { answer("%d", work(ARGUMENT)); }

const struct command commands[] = { ENTRY(work), END };
