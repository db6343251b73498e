#include "serve.h"
#include "api.h"

SEPARATE int bystander(int a)
{
	return a - 1;
}

SEPARATE int remote(int a)
{
	return compute(a) + 1;
}
