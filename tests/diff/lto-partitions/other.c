#include "serve.h"

static int sum = 100;

SEPARATE static int count(int a)
{
	static int calls = 400;

	sum += calls++;
	return a + sum;
}

int other(int a)
{
	return count(a) + 1;
}
