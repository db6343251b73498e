/* Functions written in assembler cannot be told apart. */
#include "serve.h"

extern int hand_made(int a);

COMMAND(work) { answer("%d", hand_made(ARGUMENT)); }

const struct command commands[] = { ENTRY(work), END };
