/* Nothing here names the file that the diff changes. */
#include "serve.h"
#include "limit.h"
#include "number.h"

SEPARATE static int allowed(int a)
{
	return a < LIMIT;
}

SEPARATE static int number_of_build(void)
{
	return NUMBER;
}

COMMAND(allowed) { answer("%d", allowed(ARGUMENT)); }
COMMAND(build) { answer("%d", number_of_build() > 0); }

const struct command commands[] = { ENTRY(allowed), ENTRY(build), END };
