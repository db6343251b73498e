/* One function by three names, called by each. */
#include "serve.h"

SEPARATE int real_work(int a)
{
	return a * 2 + 1;
}

extern int other_name(int a) __attribute__((alias("real_work")));
extern int weak_name(int a) __attribute__((weak, alias("real_work")));

extern int call_others(int a);

COMMAND(real) { answer("%d", real_work(ARGUMENT)); }
COMMAND(others) { answer("%d", call_others(ARGUMENT)); }

const struct command commands[] = { ENTRY(real), ENTRY(others), END };
