/*
 * card_charge() captures hundredths of the currency's unit, which only
 * currencies with cents have: 1200 yen went to the bank as 120000. The bank
 * declines that, and the order was left for a settlement that never comes.
 *
 * Capture the minor unit of the order's own currency, and refuse the order when
 * the bank does.
 */
#include <string.h>

#include <hotfix/hotfix.h>

#include "bank.h"
#include "payment.h"

static enum payment card_charge(const struct order *order,
				struct receipt *receipt)
{
	int64_t minor_unit = MICROS_PER_UNIT; /* in millionths, as the price */
	struct capture capture = {
		.order_id = order->id,
		.authorised = order->authorised,
	};

	for (int i = 0; i < order->currency->digits; i++)
		minor_unit /= 10;
	capture.amount = order->price_micros / minor_unit;
	memcpy(capture.currency, order->currency->code,
	       sizeof(capture.currency));

	switch (bank_capture(&capture, receipt->reference)) {
	case CAPTURE_DONE:
		return PAYMENT_DONE;
	case CAPTURE_BUSY:
		return PAYMENT_PENDING;
	default:
		return PAYMENT_REFUSED;
	}
}
HOTFIX_REPLACE(card_charge); /* static in payment.c */
