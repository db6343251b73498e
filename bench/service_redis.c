/* Every command goes through it. */
#include "server.h"
#include <hotfix/hotfix.h>

int processCommand(client *c)
{
	return HOTFIX_ORIGINAL(processCommand)(c);
}
HOTFIX_REPLACE(processCommand);
