/* The old name goes, a new one comes, with its static variable moved. */
#include "serve.h"

SEPARATE static int old_name(int a)
{
	return a * 3;
}

SEPARATE static int work(int a)
{
	return old_name(a) + 1;
}

COMMAND(work) { answer("%d", work(ARGUMENT)); }

const struct command commands[] = { ENTRY(work), END };
