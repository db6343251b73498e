/* Comments and moved lines: nothing that runs is another, in a program that was
   optimised at link time either. */
#include "serve.h"
#include <assert.h>

SEPARATE static int first(int a)
{
	assert(a != 9);
	return a + 1;
}

COMMAND(first) { answer("%d", first(ARGUMENT)); }

const struct command commands[] = { ENTRY(first), END };
