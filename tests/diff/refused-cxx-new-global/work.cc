/* A new variable that a constructor makes: none is run. */
#include "serve.h"

struct table {
	int entries[4];
	table() noexcept;
};

table::table() noexcept
{
	for (int i = 0; i < 4; i++)
		entries[i] = getpid() ? i : 0;
}

static table the_table;

SEPARATE static int find(int value) noexcept
{
	return the_table.entries[value & 3] * 10;
}

COMMAND(find) { answer("%d", find(ARGUMENT)); }

const struct command commands[] = { ENTRY(find), END };
