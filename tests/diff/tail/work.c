/* Calls at the end, which are jumps, to what changes and to what does not. */
#include "serve.h"

extern int far_one(int a), far_two(int a);

SEPARATE static int dispatch(int a)
{
	if (a > 10)
		return far_one(a - 10);
	return far_two(a + 10);
}

COMMAND(dispatch) { answer("%d", dispatch(ARGUMENT)); }

const struct command commands[] = { ENTRY(dispatch), END };
