#include "all.h"

SEPARATE int four(int a)
{
	assert(a != -1);
	assert(base);
	return a * 4;
}
