#include "serve.h"

static int state = 500;

SEPARATE static int helper(int a)
{
	static int calls = 1;

	state += a;
	return state + calls++;
}

int right(int a)
{
	return helper(a * 2);
}

int right_state(void)
{
	return state;
}
