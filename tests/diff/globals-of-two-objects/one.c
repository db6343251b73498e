/* A new global that one object defines and another uses. */
#include "serve.h"

int shared = 3;
extern int twice(int a);

SEPARATE int once(int a)
{
	return a + shared;
}

COMMAND(once) { answer("%d", once(ARGUMENT)); }
COMMAND(twice) { answer("%d", twice(ARGUMENT)); }

const struct command commands[] = { ENTRY(once), ENTRY(twice), END };
