/*
 * Services that fetch their secrets, and an attacker. Client 0 has no token at
 * all: it asks for the others' secrets with one hexadecimal digit, and another,
 * and another.
 */
#include <stdio.h>
#include <string.h>

#include "workload.h"

#define NR_CLIENTS 12

static enum verdict attack(struct client *client)
{
	unsigned int victim = 1 + client->nr_exchanges / 16 % (NR_CLIENTS - 1);
	char line[ANSWER_SIZE];

	if (!client_line(client, line, "GET service-%u %x", victim,
			 client->nr_exchanges % 16))
		return VERDICT_LOST;
	if (strncmp(line, "OK ", 3))
		return VERDICT_GOOD; /* denied, or not there yet */
	stats_note("stolen from service-%u with one digit: %.40s", victim,
		   line + 3);
	return VERDICT_WRONG;
}

static bool deposit(struct client *client)
{
	char line[ANSWER_SIZE];

	if (!client_line(client, line, "PUT service-%u db-password-%04u",
			 client->nr, client->nr * 7919 % 10000))
		return false;
	client->ready = sscanf(line, "OK %32s", client->token) == 1;
	return client->ready;
}

/* Every eighth time with a token of which only the last digit is wrong. */
static enum verdict fetch(struct client *client)
{
	bool mistaken = client->nr_exchanges % 8 == 7;
	char line[ANSWER_SIZE], want[64] = "DENIED", token[40];

	memcpy(token, client->token, sizeof(token));
	if (mistaken)
		token[31] = token[31] == '0' ? '1' : '0';
	else
		snprintf(want, sizeof(want), "OK db-password-%04u",
			 client->nr * 7919 % 10000);
	if (!client_line(client, line, "GET service-%u %s", client->nr, token))
		return VERDICT_LOST;
	if (!strcmp(line, want))
		return VERDICT_GOOD;
	stats_note("service-%u: \"%.30s\" instead of \"%.30s\"", client->nr,
		   line, want);
	return VERDICT_WRONG;
}

static enum verdict exchange(struct client *client)
{
	if (client->nr == 0)
		return attack(client);
	if (!client->ready)
		return deposit(client) ? VERDICT_GOOD : VERDICT_LOST;
	return fetch(client);
}

const struct workload vault_workload = {
	.name = "vault",
	.unit = "requests",
	.wrong = "stolen",
	.clients = NR_CLIENTS,
	.pause_us = 1000,
	.exchange = exchange,
};
