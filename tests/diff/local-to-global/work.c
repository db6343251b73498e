/* A static function and a static variable become global. */
#include "serve.h"

static int level = 4;
static int used;

SEPARATE static int raise_level(int a)
{
	used++;
	return level += a;
}

COMMAND(raise) { answer("%d", raise_level(ARGUMENT)); }
COMMAND(used) { answer("%d", used); }

const struct command commands[] = { ENTRY(raise), ENTRY(used), END };
