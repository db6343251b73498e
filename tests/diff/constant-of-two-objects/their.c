#include "work.h"

int theirs(int a)
{
	return table[a & 3];
}

int others(int a)
{
	return table[a & 1] * 100;
}
