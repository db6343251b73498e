/* The changed function of another file has no code of its own: it is inlined
   into those of this one, by the link. */
#include "serve.h"

extern int check(int a);
extern int level_of(int a);

SEPARATE static int one(int a) { return check(a) * 2; }
SEPARATE static int two(int a) { return check(a + 1) * 3; }
SEPARATE static int three(int a) { return a * 4 - 1; }
SEPARATE static int four(int a) { return level_of(a) + 1; }

COMMAND(one) { answer("%d", one(ARGUMENT)); }
COMMAND(two) { answer("%d", two(ARGUMENT)); }
COMMAND(three) { answer("%d", three(ARGUMENT)); }
COMMAND(four) { answer("%d", four(ARGUMENT)); }

const struct command commands[] = { ENTRY(one), ENTRY(two), ENTRY(three),
				    ENTRY(four), END };
