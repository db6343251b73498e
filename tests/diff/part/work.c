/* The slow half of a function was split off and the fast one inlined. */
#include "serve.h"

static int ready;
static int table[16];
volatile int misses;

static int lookup(int key)
{
	if (__builtin_expect(ready, 1))
		return ready;
	for (int i = 0; i < 16; i++) {
		misses++;
		table[i] = table[i] * 2 + i + key;
		if (misses > 1000)
			answer("many misses %d", key);
	}
	for (int i = 0; i < misses % 16; i++)
		table[i] ^= table[15 - i] & 1;
	for (int i = 0; i < 16; i++)
		if (table[i] > 1000000)
			answer("large %d", table[i]);
	ready = key + 100;
	return ready;
}

COMMAND(forget) { ready = 0; answer("%d", ARGUMENT); }
COMMAND(lookup) { answer("%d", lookup(ARGUMENT)); }
COMMAND(twice) { answer("%d", 2 * lookup(ARGUMENT)); }
COMMAND(thrice) { answer("%d", 3 * lookup(ARGUMENT)); }

const struct command commands[] = { ENTRY(forget), ENTRY(lookup), ENTRY(twice),
				    ENTRY(thrice), END };
