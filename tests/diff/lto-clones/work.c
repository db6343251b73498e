/* Functions of another file are cloned for their only callers, here; one of the
   clones changes, and another one is added, which moves the numbers. */
#include "serve.h"

extern int mix(int a, int factor), fill(int a, int step);

COMMAND(mix) { answer("%d", mix(ARGUMENT, 17)); }
COMMAND(fill) { answer("%d", fill(ARGUMENT, 5) >= 0); }

const struct command commands[] = { ENTRY(mix), ENTRY(fill), END };
