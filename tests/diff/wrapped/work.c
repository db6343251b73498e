/* The linker gives names another meaning: --wrap. */
#include "serve.h"

extern int level(int a), rate(int a);

SEPARATE int work(int a)
{
	return level(a) * 3 + 1;
}

COMMAND(work) { answer("%d", work(ARGUMENT)); }

const struct command commands[] = { ENTRY(work), END };
