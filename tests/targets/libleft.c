/*
 * A library to be patched: an exported function that calls another one of its
 * own, static data, a static function, thread-local data.
 */
#include "lib.h"

static volatile int left_base = 10;
static __thread int left_ticks = 1000;

LIBRARY_FUNCTION int left_value(void)
{
	return left_base;
}

/* Through the PLT, or directly when linked with -Bsymbolic. */
LIBRARY_FUNCTION int left_twice(void)
{
	return 2 * left_value();
}

LIBRARY_FUNCTION static int shared_name(int x)
{
	return x + left_base;
}

LIBRARY_FUNCTION int left_hidden(int x)
{
	return shared_name(x);
}

LIBRARY_FUNCTION int left_tick(void)
{
	return ++left_ticks;
}

#ifndef THIN /* an older version of this library */
LIBRARY_FUNCTION int left_spare(void)
{
	return left_base + 5;
}
#endif
