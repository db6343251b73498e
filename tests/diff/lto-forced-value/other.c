#include "serve.h"

static int limit = 500;

SEPARATE int other(int a)
{
	return a > limit ? limit-- : a + 1;
}
