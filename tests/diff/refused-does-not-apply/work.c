/* The diff is of another version. */
#include "serve.h"

SEPARATE static int work(int a)
{
	return a * 2;
}

COMMAND(work) { answer("%d", work(ARGUMENT)); }

const struct command commands[] = { ENTRY(work), END };
