/* Variables without an initial value that several files declare. */
#include "serve.h"

int shared;
char buffer[64];

extern int other(int a);

SEPARATE static int work(int a)
{
	shared += a;
	buffer[3] = (char)a;
	return shared;
}

COMMAND(work) { answer("%d", work(ARGUMENT)); }
COMMAND(other) { answer("%d", other(ARGUMENT)); }

const struct command commands[] = { ENTRY(work), ENTRY(other), END };
