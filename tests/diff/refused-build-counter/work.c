/* A number of the build beside a value that the diff changes. */
#include "serve.h"
#include "number.h"

int limits[] = { NUMBER, 10 };

SEPARATE static int first(int a)
{
	return a + limits[0] < limits[1];
}

COMMAND(first) { answer("%d", first(ARGUMENT)); }

const struct command commands[] = { ENTRY(first), END };
