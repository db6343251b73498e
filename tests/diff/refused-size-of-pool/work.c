/*
 * Slots that were given back wait in a list, with their old size. Nothing names
 * a slot's members here: its type is in the code as a number alone.
 */
#include "serve.h"
#include "slot.h"

static void *waiting[4];
static int nr_waiting;

SEPARATE static void *take(void)
{
	return nr_waiting ? waiting[--nr_waiting] : malloc(sizeof(struct slot));
}

SEPARATE static int give(void *slot)
{
	if (nr_waiting < 4)
		waiting[nr_waiting++] = slot;
	return nr_waiting;
}

COMMAND(turn) { answer("%d", give(take()) + ARGUMENT); }

const struct command commands[] = { ENTRY(turn), END };
