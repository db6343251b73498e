#include "serve.h"

extern int once(int a);

SEPARATE int twice(int a)
{
	return once(a) * 2;
}
