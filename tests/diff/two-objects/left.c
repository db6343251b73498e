/* Two functions of two files whose contract changes together. */
#include "serve.h"

extern int decode(int a);

SEPARATE int encode(int a)
{
	return a + 100;
}

COMMAND(round) { answer("%d", decode(encode(ARGUMENT))); }
COMMAND(encode) { answer("%d", encode(ARGUMENT)); }

const struct command commands[] = { ENTRY(round), ENTRY(encode), END };
