#include "serve.h"

extern int other_name(int a), weak_name(int a);

SEPARATE int call_others(int a)
{
	return other_name(a) * 1000 + weak_name(a + 1);
}
