/*
 * Every text reply of every worker thread goes through out_string(); the one to
 * "version" gets a suffix, all others take the old code.
 */
#include "memcached.h"
#include <hotfix/hotfix.h>
#include <string.h>

void out_string(conn *c, const char *text)
{
	if (!strcmp(text, "VERSION " VERSION))
		text = "VERSION " VERSION "-hotfixed";
	HOTFIX_ORIGINAL(out_string)(c, text);
}
HOTFIX_REPLACE(out_string);
