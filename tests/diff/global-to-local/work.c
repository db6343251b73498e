/* A global function and a global variable become static. */
#include "serve.h"

int level = 4;
int used;

SEPARATE int raise_level(int a)
{
	used++;
	return level += a;
}

COMMAND(raise) { answer("%d", raise_level(ARGUMENT)); }
COMMAND(used) { answer("%d", used); }

const struct command commands[] = { ENTRY(raise), ENTRY(used), END };
