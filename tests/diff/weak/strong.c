#include "serve.h"

SEPARATE int overridden(int a)
{
	return a * 50;
}
