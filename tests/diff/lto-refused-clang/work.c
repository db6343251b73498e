/* What clang's linker makes of bitcode is not seen. */
#include "serve.h"

SEPARATE static int work(int a) { return a + 1; }

COMMAND(work) { answer("%d", work(ARGUMENT)); }

const struct command commands[] = { ENTRY(work), END };
