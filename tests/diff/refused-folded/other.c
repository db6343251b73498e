#include <stdlib.h>

int two(int a)
{
	if (a > 100)
		abort();
	return a * 3 + 1;
}
