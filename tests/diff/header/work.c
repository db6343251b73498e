/* A header that everything includes; two functions differ. */
#include "all.h"

int base = 3;

extern int two(int a), three(int a), four(int a);

SEPARATE int one(int a)
{
	return clamp(a) * 2;
}

COMMAND(one) { answer("%d", one(ARGUMENT)); }
COMMAND(two) { answer("%d", two(ARGUMENT)); }
COMMAND(three) { answer("%d", three(ARGUMENT)); }
COMMAND(four) { answer("%d", four(ARGUMENT)); }

const struct command commands[] = { ENTRY(one), ENTRY(two), ENTRY(three),
				    ENTRY(four), END };
