/* The slow half of a function was split off and the fast one inlined. */
#include "serve.h"

static int cache[16];
volatile int misses;

static int lookup(int key)
{
	if (cache[key & 15])
		return cache[key & 15];
	misses++;
	for (int i = 0; i < 16; i++) {
		cache[i] = cache[i] * 2 + i + 1;
		if (misses > 1000)
			answer("many misses %d", key);
	}
	for (int i = 0; i < misses % 16; i++)
		cache[i] ^= cache[15 - i] & 1;
	return cache[key & 15] + 100;
}

COMMAND(lookup)
{
	cache[ARGUMENT & 15] = 0;
	misses = 0;
	answer("%d", lookup(ARGUMENT) > 100);
}
COMMAND(again) { answer("%d", lookup(ARGUMENT) > 0); }
COMMAND(third) { answer("%d", lookup(ARGUMENT + 1) > 0); }

const struct command commands[] = { ENTRY(lookup), ENTRY(again), ENTRY(third),
				    END };
