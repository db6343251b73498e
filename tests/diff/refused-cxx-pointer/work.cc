/* Nobody knows what a pointer, or a virtual function, will throw. */
#include "serve.h"

struct source {
	virtual int next(int value);
};

int source::next(int value)
{
	if (value < 0)
		throw value;
	return value * 3;
}

static source a_source;
static source *volatile current = &a_source;

SEPARATE static int twice(int value)
{
	return current->next(value) * 2;
}

COMMAND(twice)
{
	try {
		answer("%d", twice(ARGUMENT));
	} catch (int) {
		answer("caught");
	}
}

const struct command commands[] = { ENTRY(twice), END };
