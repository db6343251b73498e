/*
 * PING without an argument says who answers. Uses redis's own headers, types
 * and functions; nothing is redefined here.
 */
#include "server.h"
#include <hotfix/hotfix.h>

void pingCommand(client *c)
{
	if (c->argc == 1 && !(c->flags & CLIENT_PUBSUB)) {
		addReplyStatus(c, "PONG, hotfixed");
		return;
	}
	HOTFIX_ORIGINAL(pingCommand)(c);
}
HOTFIX_REPLACE(pingCommand);
