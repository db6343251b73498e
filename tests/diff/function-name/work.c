/* __func__ and __FILE__ in what changes and in what does not. */
#include "serve.h"

SEPARATE static const char *who(int a)
{
	return a ? __func__ : __FILE__;
}

SEPARATE static const char *another(int a)
{
	return a > 2 ? __func__ : "nobody";
}

COMMAND(who) { answer("%s", who(ARGUMENT)); }
COMMAND(another) { answer("%s", another(ARGUMENT)); }

const struct command commands[] = { ENTRY(who), ENTRY(another), END };
