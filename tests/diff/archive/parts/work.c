/* Objects of one name, in an archive in a directory. */
#include "serve.h"

extern int inner(int a);

static int level = 3;

SEPARATE static int work(int a)
{
	return a + level;
}

COMMAND(work) { answer("%d", work(ARGUMENT)); }
COMMAND(inner) { answer("%d", inner(ARGUMENT)); }

const struct command commands[] = { ENTRY(work), ENTRY(inner), END };
