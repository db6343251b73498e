/* The same with something to clean up: its table is left out. */
#include <string>

#include "serve.h"

SEPARATE static std::string name(int value)
{
	if (value < 0)
		throw value;
	return std::string(40, 'a' + value);
}

SEPARATE static int size(int value)
{
	std::string one = name(value), two = name(value + 1);

	return (int)(one.size() + two.size());
}

COMMAND(size)
{
	try {
		answer("%d", size(ARGUMENT));
	} catch (int) {
		answer("caught");
	}
}

const struct command commands[] = { ENTRY(size), END };
