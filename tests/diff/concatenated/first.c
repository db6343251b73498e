/* The first part: it grows, and all lines of the second move. */
#include "serve.h"
#include <assert.h>

SEPARATE static int first(int a)
{
	return a + 1;
}

SEPARATE static int beside(int a)
{
	assert(a != 5);
	return a + 2;
}
