/* A program of both, that catches: its C is patched as ever. */
#include "serve.h"

extern "C" int sum(int (*next)(int), int value);

SEPARATE static int positive(int value)
{
	if (value < 0)
		throw value;
	return value;
}

static int thrice(int value) noexcept
{
	return value * 3;
}

COMMAND(sum)
{
	try {
		answer("%d", sum(thrice, positive(ARGUMENT)));
	} catch (int) {
		answer("caught");
	}
}

const struct command commands[] = { ENTRY(sum), END };
