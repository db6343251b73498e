/* A new static variable that is initialised by the first who comes by. */
#include "serve.h"

SEPARATE static int start(int value) noexcept
{
	return value * 100 + getpid() * 0;
}

SEPARATE static int next(int value) noexcept
{
	static int base = start(1);

	base += value;
	return base;
}

COMMAND(next) { answer("%d", next(ARGUMENT)); }

const struct command commands[] = { ENTRY(next), END };
