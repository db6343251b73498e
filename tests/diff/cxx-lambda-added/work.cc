/* A lambda before others: those get other numbers. */
#include "serve.h"

template <typename F> __attribute__((noinline)) static int apply(F function, int value) noexcept
{
	return function(value) + function(value + 1);
}

SEPARATE static int work(int value) noexcept
{
	int sum = 0;

	sum += apply([](int a) noexcept { return a * 3; }, value);
	sum += apply([](int a) noexcept { return a * 5 + 1; }, value);
	return sum;
}

COMMAND(work) { answer("%d", work(ARGUMENT)); }

const struct command commands[] = { ENTRY(work), END };
