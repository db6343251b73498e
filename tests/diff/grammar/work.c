/* The diff changes an action of the grammar and a rule of the scanner. */
#include "serve.h"
#include "sum.h"

COMMAND(sum) { answer("%d", nr > 1 ? sum_of(args[1]) : 0); }

const struct command commands[] = { ENTRY(sum), END };
