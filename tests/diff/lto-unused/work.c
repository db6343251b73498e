/* Objects that could be optimised at link time, and are not: their code is what
   runs. */
#include "serve.h"

SEPARATE static int work(int a)
{
	static int calls = 5;

	return a * 3 + calls++;
}

COMMAND(work) { answer("%d", work(ARGUMENT)); }

const struct command commands[] = { ENTRY(work), END };
