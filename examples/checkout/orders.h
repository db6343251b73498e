/*
 * The order book. An order lands here once it is paid for, and only then is it
 * packed and shipped. The book keeps the last 65,536 orders.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "currency.h"

struct order {
	uint64_t id;
	char customer[32];
	char method[16]; /* how it is paid: "card", "invoice" */
	const struct currency *currency;
	int64_t price_micros;
	int64_t authorised; /* minor units that the customer's bank allowed */
};

struct order_counts {
	uint64_t accepted; /* answered with 200 */
	uint64_t landed;   /* paid for, in the book */
};

/* A new order's number. */
uint64_t orders_next_id(void);

void orders_count_accepted(void);

/* Enters a paid order into the book. */
void orders_land(const struct order *order, const char *reference);

/* Looks a number up; false when the order never landed. */
bool orders_find(uint64_t id, char ret_reference[static 24]);

void orders_count(struct order_counts *ret_counts);
