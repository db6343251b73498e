#include "serve.h"

SEPARATE int decode(int a)
{
	return a - 100;
}
