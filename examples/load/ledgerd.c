/*
 * Customers that pay and are paid back, and an auditor. Client 0 asks for the
 * total of all balances, which is wrong when it is not what it was.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "workload.h"

#define NR_MERCHANTS 4
#define NR_CUSTOMERS 64

static enum verdict audit(struct client *client)
{
	char line[ANSWER_SIZE];
	int64_t total, before = client->total;

	if (!client_line(client, line, "TOTAL"))
		return VERDICT_LOST;
	if (sscanf(line, "TOTAL %" SCNd64, &total) != 1)
		return VERDICT_WRONG;
	client->total = total;
	if (!client->ready || total == before) {
		client->ready = true;
		return VERDICT_GOOD;
	}
	stats_note("total now %" PRId64 " cents, %+" PRId64 " since the last look",
		   total, total - before);
	return VERDICT_WRONG;
}

/* Pays on even turns and is paid back on odd ones. */
static enum verdict move(struct client *client)
{
	unsigned int turn = client->nr_exchanges / 2;
	unsigned int customer = NR_MERCHANTS + client->nr % NR_CUSTOMERS;
	unsigned int merchant = (client->nr + turn) % NR_MERCHANTS;
	unsigned int amount = 1 + turn % 97;
	char line[ANSWER_SIZE];
	bool sent;

	if (client->nr_exchanges % 2)
		sent = client_line(client, line, "REFUND %u %u %u", merchant,
				   customer, amount);
	else
		sent = client_line(client, line, "PAY %u %u %u", customer,
				   merchant, amount);
	if (!sent)
		return VERDICT_LOST;
	return strcmp(line, "OK") ? VERDICT_WRONG : VERDICT_GOOD;
}

static enum verdict exchange(struct client *client)
{
	return client->nr == 0 ? audit(client) : move(client);
}

const struct workload ledgerd_workload = {
	.name = "ledgerd",
	.unit = "requests",
	.wrong = "audits off",
	.clients = 16,
	.pause_us = 200,
	.exchange = exchange,
};
