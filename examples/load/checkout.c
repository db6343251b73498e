/*
 * Shoppers: each buys something, then looks whether the order has arrived. One
 * of four pays in yen.
 */
#include <stdio.h>

#include "workload.h"

static const struct sale {
	const char *method, *currency, *price;
	int authorised;
} sales[] = {
	{ "card", "EUR", "19.99", 1999 },
	{ "card", "JPY", "1200", 1200 },
	{ "invoice", "SEK", "249.00", 24900 },
	{ "card", "USD", "4.50", 450 },
};

#define NR_SALES (sizeof(sales) / sizeof(*sales))

static enum verdict exchange(struct client *client)
{
	const struct sale *sale =
		&sales[(client->nr + client->nr_exchanges) % NR_SALES];
	char form[256], page[ANSWER_SIZE], path[48];
	unsigned long long order;
	int status;

	snprintf(form, sizeof(form),
		 "{\"customer\": \"c%u\", \"method\": \"%s\", "
		 "\"currency\": \"%s\", \"price\": \"%s\", "
		 "\"authorised\": %d}",
		 client->nr, sale->method, sale->currency, sale->price,
		 sale->authorised);
	status = client_post(client, page, "/checkout", form);
	if (!status)
		return VERDICT_LOST;
	if (status != 200 || sscanf(page, "{\"order\": %llu", &order) != 1) {
		stats_note("%s %s: answered with %d", sale->currency,
			   sale->price, status);
		return VERDICT_WRONG;
	}

	snprintf(path, sizeof(path), "/orders/%llu", order);
	status = client_get(client, page, path);
	if (!status)
		return VERDICT_LOST;
	if (status == 200)
		return VERDICT_GOOD;
	stats_note("order %llu, %s %s: answered 200, not in the book", order,
		   sale->currency, sale->price);
	return VERDICT_WRONG;
}

const struct workload checkout_workload = {
	.name = "checkout",
	.unit = "orders",
	.wrong = "vanished",
	.clients = 16,
	.pause_us = 2000,
	.exchange = exchange,
};
