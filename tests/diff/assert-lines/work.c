/* Functions that carry the numbers of their lines, below one that grows. */
#include "serve.h"
#include <assert.h>

#define HERE __LINE__

SEPARATE static int first(int a)
{
	return a + 1;
}

SEPARATE static int second(int a)
{
	assert(a != 1);
	assert(a != 2);
	return a + 2;
}

SEPARATE static int third(int a)
{
	if (a == 7)
		return HERE;
	assert(a != 3 &&
	       a != 4);
	return a + 3;
}

COMMAND(first) { answer("%d", first(ARGUMENT)); }
COMMAND(second) { answer("%d", second(ARGUMENT)); }
COMMAND(third) { answer("%d", third(ARGUMENT)); }

const struct command commands[] = { ENTRY(first), ENTRY(second), ENTRY(third),
				    END };
