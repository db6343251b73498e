/*
 * Functions of which tables hold the address: the replaced one goes on being
 * the same pointer, a new one has one of its own.
 */
#include "serve.h"

typedef int operation(int a);

SEPARATE static int doubled(int a) { return a * 200 + 2; }
SEPARATE static int squared(int a) { return a * a; }

static operation *current;
static operation *stored[4];

SEPARATE static operation *choose(int which)
{
	return which == 1 ? squared : doubled;
}

COMMAND(choose)
{
	current = choose(ARGUMENT);
	answer("%s", current == stored[0] ? "doubled" :
		     current == stored[1] ? "squared" : "new");
}
COMMAND(start)
{
	stored[0] = doubled;
	stored[1] = squared;
	answer("started");
}
COMMAND(run) { answer("%d", current(ARGUMENT)); }
COMMAND(run_stored) { answer("%d", stored[ARGUMENT](ARGUMENT2)); }

const struct command commands[] = { ENTRY(choose), ENTRY(start), ENTRY(run),
				    ENTRY(run_stored), END };
