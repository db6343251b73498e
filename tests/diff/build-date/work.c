/* The time of compilation, in a function that the diff does not touch. */
#include "serve.h"
#include <string.h>

SEPARATE static int first(int a)
{
	return a + 1;
}

SEPARATE static const char *when(int a)
{
	return a ? __DATE__ " " __TIME__ : "now";
}

COMMAND(first) { answer("%d", first(ARGUMENT)); }
COMMAND(when) { answer("%zu", strlen(when(ARGUMENT))); }

const struct command commands[] = { ENTRY(first), ENTRY(when), END };
