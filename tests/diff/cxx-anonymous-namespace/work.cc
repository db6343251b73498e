/* Names that belong to one file, and a static in one of them. */
#include "serve.h"

namespace
{
int calls;

struct adder {
	int base;
	__attribute__((noinline)) int add(int value) noexcept
	{
		calls++;
		for (int i = 0; i < value; i++)
			base += i & 3;
		return base + value;
	}
};
}

COMMAND(add)
{
	adder adder = { 100 };

	answer("%d", adder.add(ARGUMENT));
}
COMMAND(calls) { answer("%d", calls); }

const struct command commands[] = { ENTRY(add), ENTRY(calls), END };
