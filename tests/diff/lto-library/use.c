#include "serve.h"

extern int work(int a), work_calls;

COMMAND(work) { answer("%d", work(ARGUMENT)); }
COMMAND(calls) { answer("%d", work_calls); }

const struct command commands[] = { ENTRY(work), ENTRY(calls), END };
