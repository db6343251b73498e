/* What a resolver has chosen stays; what it may choose is replaced. */
#include "serve.h"

SEPARATE int quick(int a)
{
	return a * 10 + 1;
}

SEPARATE int careful(int a)
{
	return a * 11 + 1;
}

static int (*choose_work(void))(int)
{
	return sizeof(long) == 8 ? quick : careful;
}

__attribute__((ifunc("choose_work"))) int chosen(int a);

SEPARATE static int use(int a)
{
	return chosen(a) * 2 + 1;
}

COMMAND(use) { answer("%d", use(ARGUMENT)); }

const struct command commands[] = { ENTRY(use), END };
