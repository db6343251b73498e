/*
 * The card acquirer, as a stand-in: it captures exactly what the customer
 * authorised, in minor units of the currency, and declines anything else.
 */
#pragma once

#include <stdint.h>

enum capture_result {
	CAPTURE_DONE,
	CAPTURE_BUSY,     /* try again later */
	CAPTURE_MISMATCH, /* not the amount that was authorised */
};

struct capture {
	uint64_t order_id;
	char currency[4];
	int64_t amount;	    /* minor units: cents, fils, whole yen */
	int64_t authorised; /* likewise, as signed by the customer's bank */
};

enum capture_result bank_capture(const struct capture *capture,
				 char ret_reference[static 24]);
