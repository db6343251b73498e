/* The function loses its cold part. */
#include "serve.h"

volatile int errors;

__attribute__((noinline, cold)) void complain(const char *what, int a)
{
	errors += a + what[0];
}

SEPARATE static int check(int a)
{
	if (a < 0) {
		complain("negative", a);
		complain("really", 1);
		return -1;
	}
	return a * 3 + 1;
}

SEPARATE static int other(int a)
{
	if (a < -100) {
		complain("other", a);
		return -9;
	}
	return a * 5 + 1;
}

COMMAND(check) { answer("%d", check(ARGUMENT)); }
COMMAND(other) { answer("%d", other(ARGUMENT)); }
COMMAND(errors) { answer("%d", errors); errors = 0; }

const struct command commands[] = { ENTRY(check), ENTRY(other), ENTRY(errors),
				    END };
