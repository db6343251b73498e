/* A static program: what throws is in the program itself, without a word. */
#include "serve.h"

SEPARATE static int check(int value)
{
	if (value < 0)
		throw value;
	return value * 3;
}

COMMAND(check)
{
	try {
		answer("%d", check(ARGUMENT));
	} catch (int) {
		answer("caught");
	}
}

const struct command commands[] = { ENTRY(check), END };
