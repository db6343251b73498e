#include "serve.h"

int shared;
char buffer[64];

SEPARATE int other(int a)
{
	return shared * 10 + a + buffer[3];
}
