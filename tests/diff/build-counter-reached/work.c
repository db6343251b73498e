/* The diff changes the very file that has the number of the build in its data. */
#include "serve.h"
#include "number.h"

int build = NUMBER;
struct { char name[17]; short parts[2]; } made = { NAME, { NUMBER, 7 } };

SEPARATE static int first(int a)
{
	return a + 1;
}

SEPARATE static int build_of(int a)
{
	return a + build * 10 + made.parts[0] + (made.name[0] == '!');
}

COMMAND(first) { answer("%d", first(ARGUMENT)); }
COMMAND(build) { answer("%d", build_of(ARGUMENT)); }

const struct command commands[] = { ENTRY(first), ENTRY(build), END };
