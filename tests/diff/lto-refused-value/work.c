/* Two files have a variable of one name: the message has to say which changes,
   of what is one object to the link. */
#include "serve.h"

static int limit = 10;

extern int other(int a);

SEPARATE static int work(int a) { return a > limit ? limit-- : a; }

COMMAND(work) { answer("%d", work(ARGUMENT)); }
COMMAND(other) { answer("%d", other(ARGUMENT)); }

const struct command commands[] = { ENTRY(work), ENTRY(other), END };
