/* A table of constants changes: who reads it is replaced. */
#include "serve.h"

static const int fees[] = { 5, 10, 15, 20, 25, 30, 35, 40 };
static const char *const names[] = { "a", "b", "c", "d" };
static const double factors[] = { 0.5, 1.5, 2.5 };

SEPARATE static int fee(int a) { return fees[a & 7]; }
SEPARATE static const char *name(int a) { return names[a & 3]; }
SEPARATE static int scaled(int a) { return (int)(a * factors[a % 3] * 8.25); }
SEPARATE static int other(int a) { return (int)(a * 8.25) + fees[a & 1] * 0; }

COMMAND(fee) { answer("%d", fee(ARGUMENT)); }
COMMAND(name) { answer("%s", name(ARGUMENT)); }
COMMAND(scaled) { answer("%d", scaled(ARGUMENT)); }
COMMAND(other) { answer("%d", other(ARGUMENT)); }

const struct command commands[] = { ENTRY(fee), ENTRY(name), ENTRY(scaled),
				    ENTRY(other), END };
