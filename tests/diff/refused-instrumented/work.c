/* The compiler counts branches, in tables that the run-time library knows. */
#include "serve.h"

SEPARATE int work(int a)
{
	return a > 5 ? a * 3 : a + 1;
}

COMMAND(work) { answer("%d", work(ARGUMENT)); }

const struct command commands[] = { ENTRY(work), END };
