/* The other library: the same names where they are static. */
#include "lib.h"

static volatile int right_base = 20;
static __thread int right_ticks = 2000;

LIBRARY_FUNCTION int right_value(void)
{
	return right_base;
}

LIBRARY_FUNCTION static int shared_name(int x)
{
	return x + right_base;
}

LIBRARY_FUNCTION int right_hidden(int x)
{
	return shared_name(x);
}

LIBRARY_FUNCTION int right_tick(void)
{
	return ++right_ticks;
}
