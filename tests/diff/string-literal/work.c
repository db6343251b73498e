/* Nothing but the text of a literal changes. */
#include "serve.h"

SEPARATE static const char *greeting(int who)
{
	return who > 3 ? "hello, all" : "helo";
}

SEPARATE static const char *other(int who)
{
	return who > 3 ? "good-bye, all" : "bye";
}

COMMAND(greet) { answer("%s", greeting(ARGUMENT)); }
COMMAND(leave) { answer("%s", other(ARGUMENT)); }

const struct command commands[] = { ENTRY(greet), ENTRY(leave), END };
