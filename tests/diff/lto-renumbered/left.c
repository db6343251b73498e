/* Names of two files whose numbers are others in the target. */
#include "serve.h"

static int state = 10;

SEPARATE static int helper(int a)
{
	static int calls = 1;

	state += a;
	return state + calls++;
}

extern int right(int a), right_state(void);

COMMAND(left) { answer("%d", helper(ARGUMENT)); }
COMMAND(right) { answer("%d", right(ARGUMENT)); }
COMMAND(states) { answer("%d %d", state, right_state()); }

const struct command commands[] = { ENTRY(left), ENTRY(right), ENTRY(states),
				    END };
