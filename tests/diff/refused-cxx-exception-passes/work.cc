/* An exception passes through a function that has no clean-ups of its own. */
#include "serve.h"

SEPARATE static int positive(int value)
{
	if (value < 0)
		throw value;
	return value + 1;
}

SEPARATE static int twice(int value)
{
	return positive(value) * 2;
}

COMMAND(twice)
{
	try {
		answer("%d", twice(ARGUMENT));
	} catch (int) {
		answer("caught");
	}
}

const struct command commands[] = { ENTRY(twice), END };
