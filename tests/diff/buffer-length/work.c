/* A buffer that its function allocates, knows the length of, and frees. */
#include "serve.h"
#include "limits.h"

SEPARATE static int length(int n)
{
	char *buffer = malloc(ROOM);
	int used = snprintf(buffer, ROOM, "%060d", n);

	used = used < ROOM ? used : -1;
	free(buffer);
	return used;
}

COMMAND(length) { answer("%d", length(ARGUMENT)); }

const struct command commands[] = { ENTRY(length), END };
