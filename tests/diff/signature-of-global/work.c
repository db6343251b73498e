/* A global function gets an argument; callers in two files come along. */
#include "serve.h"
#include "api.h"

extern int remote(int a), bystander(int a);

SEPARATE int compute(int a)
{
	return a * 2;
}

COMMAND(here) { answer("%d", compute(ARGUMENT)); }
COMMAND(remote) { answer("%d", remote(ARGUMENT)); }
COMMAND(bystander) { answer("%d", bystander(ARGUMENT)); }

const struct command commands[] = { ENTRY(here), ENTRY(remote),
				    ENTRY(bystander), END };
