/* Threads that run have no room for it. */
#include "serve.h"

SEPARATE static int work(int a)
{
	return a * 2;
}

COMMAND(work) { answer("%d", work(ARGUMENT)); }

const struct command commands[] = { ENTRY(work), END };
