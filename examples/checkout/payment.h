/*
 * How an order is paid for.
 */
#pragma once

#include "orders.h"

enum payment {
	PAYMENT_DONE,
	PAYMENT_PENDING, /* accepted; the nightly settlement completes it */
	PAYMENT_REFUSED,
};

struct receipt {
	char reference[24];
};

/* Charges the customer by the order's method. */
enum payment payment_charge(const struct order *order,
			    struct receipt *ret_receipt);
