/* A virtual function of a second base is called through a thunk. */
#include "serve.h"

struct first {
	virtual int one(int value) noexcept { return value; }
	int padding = 1;
};

struct second {
	virtual int two(int value) noexcept { return value; }
	int seed = 2;
};

struct both final : first, second {
	int own = 100;
	int two(int value) noexcept override;
};

__attribute__((noinline)) int both::two(int value) noexcept
{
	return value * seed + own + padding;
}

static both a_both;
static second *volatile current = &a_both;

COMMAND(two) { answer("%d", current->two(ARGUMENT)); }

const struct command commands[] = { ENTRY(two), END };
