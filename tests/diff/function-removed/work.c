/* A function and a file go, their caller does without. */
#include "serve.h"

extern int elsewhere(int a);

SEPARATE static int helper(int a)
{
	return a * 3;
}

SEPARATE static int work(int a)
{
	return helper(a) + elsewhere(a);
}

COMMAND(work) { answer("%d", work(ARGUMENT)); }

const struct command commands[] = { ENTRY(work), END };
