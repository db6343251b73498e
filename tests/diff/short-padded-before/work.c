#include "serve.h"

extern int tiny(int a);

COMMAND(tiny) { answer("%d", tiny(ARGUMENT)); }

const struct command commands[] = { ENTRY(tiny), END };
