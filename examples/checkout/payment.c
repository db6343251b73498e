#define _GNU_SOURCE
#include "payment.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "bank.h"

struct payment_method {
	const char *name;
	enum payment (*charge)(const struct order *order,
			       struct receipt *receipt);
};

/* Takes the money from the customer's card. */
static enum payment card_charge(const struct order *order,
				struct receipt *receipt)
{
	struct capture capture = {
		.order_id = order->id,
		.amount = order->price_micros / (MICROS_PER_UNIT / 100),
		.authorised = order->authorised,
	};

	memcpy(capture.currency, order->currency->code,
	       sizeof(capture.currency));
	switch (bank_capture(&capture, receipt->reference)) {
	case CAPTURE_DONE:
		return PAYMENT_DONE;
	case CAPTURE_BUSY:
	default:
		/* Settlement tries again tonight. */
		return PAYMENT_PENDING;
	}
}

/* Regular customers pay within thirty days. */
static enum payment invoice_charge(const struct order *order,
				   struct receipt *receipt)
{
	snprintf(receipt->reference, sizeof(receipt->reference),
		 "INV-%010" PRIu64, order->id);
	return PAYMENT_DONE;
}

static const struct payment_method methods[] = {
	{ "card", card_charge },
	{ "invoice", invoice_charge },
};

enum payment payment_charge(const struct order *order,
			    struct receipt *ret_receipt)
{
	for (size_t i = 0; i < sizeof(methods) / sizeof(*methods); i++)
		if (!strcmp(methods[i].name, order->method))
			return methods[i].charge(order, ret_receipt);
	return PAYMENT_REFUSED;
}
