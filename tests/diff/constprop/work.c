/* The changed function exists as a clone only,
   and the diff adds another that does. */
#include "serve.h"

static int table[64];

SEPARATE static int mix(int a, int factor)
{
	for (int i = 0; i < 64; i++)
		table[i] = (table[i] & 7) + a * factor + i;
	return table[a & 63] ^ factor;
}

SEPARATE static int fill(int a, int step)
{
	int sum = 0;

	for (int i = a; i < 640; i += step)
		sum += table[i & 63] > a ? i : step;
	return sum & 0xff;
}

COMMAND(mix) { answer("%d", mix(ARGUMENT, 17)); }
COMMAND(fill) { answer("%d", fill(ARGUMENT, 5) >= 0); }

const struct command commands[] = { ENTRY(mix), ENTRY(fill), END };
