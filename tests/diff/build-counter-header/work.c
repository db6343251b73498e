/*
 * A number that the diff changes, beside one that every build makes anew, in
 * one function. limit.h has a macro only: no debug information tells of it.
 */
#include "serve.h"
#include "limit.h"
#include "number.h"

SEPARATE static int allowed(int a)
{
	volatile int number = NUMBER;

	return a < LIMIT && number;
}

COMMAND(allowed) { answer("%d", allowed(ARGUMENT)); }

const struct command commands[] = { ENTRY(allowed), END };
