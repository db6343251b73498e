/* A table changes that another object reads, which is compiled anew as well. */
#include "serve.h"
#include "work.h"

extern int theirs(int a), others(int a);

const int table[4] = { 1, 2, 3, 4 };

SEPARATE int mine(int a)
{
	return table[a & 3];
}

COMMAND(mine) { answer("%d", mine(ARGUMENT)); }
COMMAND(theirs) { answer("%d", theirs(ARGUMENT)); }
COMMAND(others) { answer("%d", others(ARGUMENT)); }

const struct command commands[] = { ENTRY(mine), ENTRY(theirs), ENTRY(others),
				    END };
