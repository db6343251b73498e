/* Pointers to members, in types of the library and of our own. */
#include <functional>

#include "serve.h"

struct counter {
	int count = 3;
	int add(int value) { return count += value; }
	int (counter::*action)(int) = &counter::add;
	int counter::*field = &counter::count;
};

static counter *counters[4];
static std::function<int(int)> *volatile plus;

SEPARATE static int scale(int value) noexcept
{
	return value * 3 + 1;
}

COMMAND(add)
{
	counter *&one = counters[0];

	if (!one)
		one = new counter;
	if (!plus)
		plus = new std::function<int(int)>(
			[](int value) { return value + 1; });
	(one->*one->action)((*plus)(scale(ARGUMENT)));
	answer("%d", one->*one->field);
}

const struct command commands[] = { ENTRY(add), END };
