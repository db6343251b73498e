/* A weak function, one that was overridden, and a weak one that is missing. */
#include "serve.h"

extern __attribute__((weak)) int missing(int a);

SEPARATE __attribute__((weak)) int soft(int a)
{
	return a * 100 + 1;
}

SEPARATE __attribute__((weak)) int overridden(int a)
{
	return a + 2;
}

SEPARATE static int try_missing(int a)
{
	return missing ? missing(a) : a + 3;
}

COMMAND(soft) { answer("%d", soft(ARGUMENT)); }
COMMAND(overridden) { answer("%d", overridden(ARGUMENT)); }
COMMAND(missing) { answer("%d", try_missing(ARGUMENT)); }

const struct command commands[] = { ENTRY(soft), ENTRY(overridden),
				    ENTRY(missing), END };
