/*
 * A table whose length is a number in the code: of what allocates it, once, and
 * of what uses it.
 */
#include "serve.h"
#include "limits.h"

long *table;

SEPARATE static int start(void)
{
	table = calloc(SLOTS, sizeof(*table));
	return table != NULL;
}

SEPARATE static int put(int slot)
{
	if (slot < 0 || slot >= SLOTS)
		return -1;
	table[slot]++;
	return (int)table[slot];
}

COMMAND(start) { (void)nr, (void)args; answer("%d", start()); }
COMMAND(put) { answer("%d", put(ARGUMENT)); }

const struct command commands[] = { ENTRY(start), ENTRY(put), END };
