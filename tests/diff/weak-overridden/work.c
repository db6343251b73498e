/* The target has another object's function in the place of a weak one. */
#include "serve.h"

extern int weak(int a), strong(int a);

COMMAND(weak) { answer("%d", weak(ARGUMENT)); }
COMMAND(strong) { answer("%d", strong(ARGUMENT)); }

const struct command commands[] = { ENTRY(weak), ENTRY(strong), END };
