/* Alignment of new data and of a function. */
#include "serve.h"
#include <stdint.h>

typedef int four __attribute__((vector_size(16)));

static four base = { 1, 2, 3, 4 };

SEPARATE static int sum(int a)
{
	four v = base * a;

	return v[0] + v[1] + v[2] + v[3];
}

COMMAND(sum) { answer("%d", sum(ARGUMENT)); }

const struct command commands[] = { ENTRY(sum), END };
