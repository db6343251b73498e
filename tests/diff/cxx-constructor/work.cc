/* C1 and C2 are one body under two names. */
#include "serve.h"

struct counter {
	int count;
	__attribute__((noinline)) explicit counter(int start) noexcept;
	int next() noexcept;
};

counter::counter(int start) noexcept : count(start * 3)
{
	for (int i = 0; i < start; i++)
		count ^= i << 3;
}

__attribute__((noinline)) int counter::next() noexcept
{
	return ++count;
}

COMMAND(next)
{
	counter counter(ARGUMENT);

	answer("%d", counter.next());
}

const struct command commands[] = { ENTRY(next), END };
