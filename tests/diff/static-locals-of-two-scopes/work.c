/* Two blocks of one function have a static variable of the same name. */
#include "serve.h"

SEPARATE static int count(int a)
{
	if (a > 5) {
		static int seen = 100;

		return seen += a;
	} else {
		static int seen = 1000;

		return seen += a;
	}
}

COMMAND(count) { answer("%d", count(ARGUMENT)); }

const struct command commands[] = { ENTRY(count), END };
