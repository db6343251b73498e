/* Data of the C library that the program did not use before, by the GOT. */
#include "serve.h"

SEPARATE static int work(int a)
{
	return a * 100 + 2;
}

COMMAND(work) { answer("%d", work(ARGUMENT)); }

const struct command commands[] = { ENTRY(work), END };
