/* The text reply of every worker thread. */
#include "memcached.h"
#include <hotfix/hotfix.h>

void out_string(conn *c, const char *text)
{
	HOTFIX_ORIGINAL(out_string)(c, text);
}
HOTFIX_REPLACE(out_string);
