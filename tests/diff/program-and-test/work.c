/* The diff brings a test, which is not in the running program. */
#include "serve.h"

int work(int a);

SEPARATE int work(int a)
{
	return a + 1;
}

COMMAND(work) { answer("%d", work(ARGUMENT)); }

const struct command commands[] = { ENTRY(work), END };
