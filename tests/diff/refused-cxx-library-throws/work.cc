/* What the library throws passes as well: memory that is not there. */
#include <new>

#include "serve.h"

static int *volatile kept;

SEPARATE static int keep(int value)
{
	kept = new int(value + 1);
	return *kept;
}

COMMAND(keep)
{
	try {
		answer("%d", keep(ARGUMENT));
	} catch (const std::bad_alloc &) {
		answer("no memory");
	}
}

const struct command commands[] = { ENTRY(keep), END };
