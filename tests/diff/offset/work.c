/* The diff is of a release with less above: its hunks apply further below. */
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
