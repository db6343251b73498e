/* An inline function and a template, instantiated in two objects. */
#include "serve.h"
#include "limit.h"

extern int other(int value) noexcept;

COMMAND(here) { answer("%d", limit<int>::clamp(ARGUMENT) + half(8)); }
COMMAND(there) { answer("%d", other(ARGUMENT)); }

const struct command commands[] = { ENTRY(here), ENTRY(there), END };
