/* The second part: full of line numbers. */
#define HERE __LINE__

SEPARATE static int second(int a)
{
	assert(a != 1);
	if (a == 7)
		return HERE;
	assert(a != 3 &&
	       a != 4);
	return a + 3;
}

COMMAND(first) { answer("%d", first(ARGUMENT)); }
COMMAND(beside) { answer("%d", beside(ARGUMENT)); }
COMMAND(second) { answer("%d", second(ARGUMENT)); }

const struct command commands[] = { ENTRY(first), ENTRY(beside), ENTRY(second),
				    END };
