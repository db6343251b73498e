/* The cold code moves from one function to another that it is inlined into,
   and from there into a part. */
#include "serve.h"

volatile int errors;

__attribute__((noinline, cold)) void complain(int a)
{
	errors += a;
}

SEPARATE static int inner(int a)
{
	if (a < 0) {
		complain(3);
		return -1;
	}
	return a + 1;
}

SEPARATE static int outer(int a)
{
	int b = inner(a);

	for (int i = 0; i < 3; i++)
		b = b * 2 + i;
	return b;
}

COMMAND(outer) { answer("%d", outer(ARGUMENT)); }
COMMAND(inner) { answer("%d", inner(ARGUMENT)); }
COMMAND(errors) { answer("%d", errors); errors = 0; }

const struct command commands[] = { ENTRY(outer), ENTRY(inner), ENTRY(errors),
				    END };
