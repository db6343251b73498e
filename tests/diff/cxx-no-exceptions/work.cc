/* Without exceptions and types at run time: as C is. */
#include "serve.h"

struct source {
	virtual int next(int value);
	int seed;
};

__attribute__((noinline)) int source::next(int value)
{
	return value * 7 + seed;
}

static source the_source;
static source *volatile current = &the_source;

SEPARATE static int twice(int value)
{
	return current->next(value) + current->next(value + 1);
}

COMMAND(twice) { answer("%d", twice(ARGUMENT)); }

const struct command commands[] = { ENTRY(twice), END };
