/* The same, and the one of that file is said to keep what it holds. */
#include "serve.h"

static int limit = 10;

extern int other(int a);

SEPARATE static int work(int a) { return a > limit ? limit-- : a; }

COMMAND(work) { answer("%d", work(ARGUMENT)); }
COMMAND(other) { answer("%d", other(ARGUMENT)); }

const struct command commands[] = { ENTRY(work), ENTRY(other), END };
