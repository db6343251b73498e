#include <stdlib.h>

static __attribute__((noinline)) int one(int a)
{
	if (a > 100)
		abort();
	return a * 3 + 1;
}

int two(int a)
{
	return one(a) + 1;
}
