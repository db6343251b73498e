/* A case more: the table grows; and a table of values. */
#include "serve.h"

volatile int last;

SEPARATE static int act(int which, int a)
{
	switch (which) {
	case 0: last = 1; return a + 5;
	case 1: last += 2; return a * 3;
	case 2: last ^= 9; return a - 77;
	case 3: last *= 4; return -a;
	case 4: last -= a; return a << 3;
	case 5: last = a; return a / 3;
	}
	return -1;
}

SEPARATE static const char *name(int which)
{
	switch (which) {
	case 0: return "zero";
	case 1: return "one";
	case 2: return "two";
	case 3: return "three";
	case 4: return "four";
	}
	return "many";
}

COMMAND(act) { answer("%d", act(ARGUMENT, ARGUMENT2)); }
COMMAND(name) { answer("%s", name(ARGUMENT)); }

const struct command commands[] = { ENTRY(act), ENTRY(name), END };
