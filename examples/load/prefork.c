/*
 * Shops that ask for postage. Now and then one wants to send a parcel to
 * Iceland, where the carriers do not deliver.
 */
#include <stdio.h>

#include "workload.h"

static enum verdict exchange(struct client *client)
{
	static const char *const countries[] = { "DE", "FR", "JP", "NO", "US" };
	unsigned int turn = client->nr * 17 + client->nr_exchanges;
	bool iceland = turn % 400 == 399;
	char page[ANSWER_SIZE], path[64];
	int status;

	snprintf(path, sizeof(path), "/quote?to=%s&grams=%u",
		 iceland ? "IS" : countries[turn % 5], 100 + turn * 37 % 30000);
	status = client_get(client, page, path);
	if (!status) {
		stats_note("no answer to GET %s", path);
		return VERDICT_LOST;
	}
	if (status == (iceland ? 404 : 200))
		return VERDICT_GOOD;
	stats_note("GET %s: answered with %d", path, status);
	return VERDICT_WRONG;
}

const struct workload prefork_workload = {
	.name = "prefork",
	.unit = "quotes",
	.wrong = "wrong",
	.clients = 4,
	.pause_us = 1000,
	.exchange = exchange,
};
