/*
 * vault: keeps the secrets of other services.
 *
 *   PUT NAME SECRET    OK TOKEN   | TAKEN
 *   GET NAME TOKEN     OK SECRET  | DENIED
 *   STATS              KEPT n OPENED n DENIED n LAST NAME
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "../common/lines.h"
#include "../common/net.h"
#include "store.h"

static void put(const char *name, const char *secret,
		char reply[static LINE_MAX_SIZE])
{
	char token[TOKEN_SIZE];

	if (store_put(name, secret, token))
		snprintf(reply, LINE_MAX_SIZE, "OK %s", token);
	else
		snprintf(reply, LINE_MAX_SIZE, "TAKEN");
}

static void get(const char *name, const char *token,
		char reply[static LINE_MAX_SIZE])
{
	char secret[SECRET_SIZE];

	if (store_open(name, token, secret))
		snprintf(reply, LINE_MAX_SIZE, "OK %s", secret);
	else
		snprintf(reply, LINE_MAX_SIZE, "DENIED");
}

static void stats(char reply[static LINE_MAX_SIZE])
{
	struct store_counts counts;

	store_count(&counts);
	snprintf(reply, LINE_MAX_SIZE,
		 "KEPT %" PRIu64 " OPENED %" PRIu64 " DENIED %" PRIu64
		 " LAST %s",
		 counts.kept, counts.opened, counts.denied,
		 *counts.last.name ? counts.last.name : "-");
}

static void answer(char *request, char reply[static LINE_MAX_SIZE])
{
	char command[8] = "", name[NAME_SIZE] = "", value[SECRET_SIZE] = "";
	int nr = sscanf(request, "%7s %31s %63s", command, name, value);

	if (nr == 3 && !strcmp(command, "PUT"))
		put(name, value, reply);
	else if (nr == 3 && !strcmp(command, "GET"))
		get(name, value, reply);
	else if (nr == 1 && !strcmp(command, "STATS"))
		stats(reply);
	else
		snprintf(reply, LINE_MAX_SIZE, "WHAT?");
}

int main(int argc, char **argv)
{
	return lines_serve("vault", net_port_argument(argc, argv), answer);
}
