#include "serve.h"

static int level = 40;

SEPARATE static int work(int a)
{
	return a * 1000 + level;
}

int inner(int a)
{
	return work(a * 2);
}
