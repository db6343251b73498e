/* A new static variable gives all that follow another number. */
#include "serve.h"

SEPARATE static int changed(int a)
{
	static int level = 3;

	return level += a;
}

SEPARATE static int untouched(int a)
{
	static int level = 50;
	static int calls;

	calls++;
	return level += a + calls;
}

SEPARATE static int also_untouched(int a)
{
	static int calls = 9;

	return calls += a;
}

COMMAND(changed) { answer("%d", changed(ARGUMENT)); }
COMMAND(untouched) { answer("%d", untouched(ARGUMENT)); }
COMMAND(also) { answer("%d", also_untouched(ARGUMENT)); }

const struct command commands[] = { ENTRY(changed), ENTRY(untouched),
				    ENTRY(also), END };
