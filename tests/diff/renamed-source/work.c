/* The diff gives this file another name, and changes a function in it. */
#include "serve.h"

SEPARATE static int untouched(int a)
{
	return a * 3;
}

SEPARATE static int twice(int a)
{
	return a * 2;
}

COMMAND(twice) { answer("%d", twice(ARGUMENT)); }
COMMAND(untouched) { answer("%d", untouched(ARGUMENT)); }

const struct command commands[] = { ENTRY(twice), ENTRY(untouched), END };
