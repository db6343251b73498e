#include "all.h"

SEPARATE int two(int a)
{
	assert(a != -1);
	return a * 5 - base;
}
