/* Functions and data of the C library that the program did not use before. */
#include "serve.h"
#include <ctype.h>
#include <math.h>
#include <time.h>

SEPARATE static int work(const char *text)
{
	return atoi(text);
}

COMMAND(work) { answer("%d", work(args[1])); }

const struct command commands[] = { ENTRY(work), END };
