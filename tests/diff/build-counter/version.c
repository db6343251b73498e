/* The number and the name of the build: in code, in literals and in data. */
#include "serve.h"
#include "number.h"

int build = NUMBER;
char text[] = NAME;

const char *name(void);
int number_of_build(void);

SEPARATE const char *name(void)
{
	return build ? "build " NAME : text;
}

SEPARATE int number_of_build(void)
{
	return NUMBER * 10 + build;
}
