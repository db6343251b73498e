#include "serve.h"

extern int work(int a);

/* The library has one, too, and calls this one. */
int rate(int a)
{
	return a + 1;
}

COMMAND(work) { answer("%d", work(ARGUMENT)); }

const struct command commands[] = { ENTRY(work), END };
