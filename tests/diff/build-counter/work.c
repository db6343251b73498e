/* What changes; the rest of the program is in another file. */
#include "serve.h"

const char *name(void);
int number_of_build(void);

SEPARATE static int first(int a)
{
	return a + 1;
}

COMMAND(first) { answer("%d", first(ARGUMENT)); }
COMMAND(build) { answer("%d", number_of_build() + (name()[0] == '!')); }

const struct command commands[] = { ENTRY(first), ENTRY(build), END };
