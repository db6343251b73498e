/* Objects of the class live. */
#include "serve.h"

class account {
public:
	void add(int value) noexcept;
	int sum() const noexcept { return total; }

private:
	int total = 0;
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
	answer("%d", one->sum());
}

const struct command commands[] = { ENTRY(add), END };
