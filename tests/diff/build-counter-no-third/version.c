/* The number of the build. */
#include "serve.h"
#include "number.h"

int number_of_build(void);

SEPARATE int number_of_build(void)
{
	return NUMBER * 10;
}
