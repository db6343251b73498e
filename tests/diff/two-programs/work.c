/* One source, compiled with other macros into two programs; the diff also
   touches what is in the other one alone. */
#include "serve.h"
#ifdef TOOL
#include "tool.h"
#else
#define NAME "prog"
#endif

SEPARATE static int work(int a)
{
	return a * FACTOR + (int)sizeof(NAME);
}

COMMAND(work) { answer("%d", work(ARGUMENT)); }
COMMAND(name) { answer("%s", NAME); }

const struct command commands[] = { ENTRY(work), ENTRY(name), END };
