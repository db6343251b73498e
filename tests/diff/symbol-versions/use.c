#include "serve.h"

extern int foo(int a), both(int a);

COMMAND(foo) { answer("%d", foo(ARGUMENT)); }
COMMAND(both) { answer("%d", both(ARGUMENT)); }

const struct command commands[] = { ENTRY(foo), ENTRY(both), END };
