/* Equal code, which the linker makes one function of. */
#include "serve.h"

extern int two(int a);

SEPARATE int one(int a)
{
	if (a > 100)
		abort();
	return a * 3 + 1;
}

COMMAND(one) { answer("%d", one(ARGUMENT)); }
COMMAND(two) { answer("%d", two(ARGUMENT)); }

const struct command commands[] = { ENTRY(one), ENTRY(two), END };
