#include "all.h"

SEPARATE int three(int a)
{
	return clamp(a - 1) * 3;
}
