/* One file without exceptions, in a program that catches elsewhere. */
#include "serve.h"

struct source {
	virtual int next(int value);
};

int source::next(int value)
{
	return value * 3;
}

static source a_source;
static source *volatile current = &a_source;

SEPARATE static int twice(int value)
{
	return current->next(value) * 2;
}

extern int checked(int value);

COMMAND(twice) { answer("%d", twice(ARGUMENT)); }
COMMAND(checked) { answer("%d", checked(ARGUMENT)); }

const struct command commands[] = { ENTRY(twice), ENTRY(checked), END };
