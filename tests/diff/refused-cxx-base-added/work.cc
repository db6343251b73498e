/* Another base moves the members. */
#include "serve.h"

struct named {
	const char *name = "nobody";
};

struct account {
	int total = 0;
	void add(int value) noexcept;
};

__attribute__((noinline)) void account::add(int value) noexcept
{
	total += value;
}

static account *accounts[4];

COMMAND(add)
{
	account *&one = accounts[ARGUMENT & 3];

	if (!one)
		one = new account;
	one->add(ARGUMENT2);
	answer("%d", one->total);
}

const struct command commands[] = { ENTRY(add), END };
