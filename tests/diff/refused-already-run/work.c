/* What changes has run, once and for all. */
#include "serve.h"

static int factor = 2;

static __attribute__((constructor)) void prepare(void)
{
	factor = getenv("FACTOR") ? 5 : 3;
}

SEPARATE static int work(int a)
{
	return a * factor;
}

COMMAND(work) { answer("%d", work(ARGUMENT)); }

const struct command commands[] = { ENTRY(work), END };
