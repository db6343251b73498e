/*
 * Currencies (ISO 4217) and prices. A price is kept in millionths of a unit,
 * which holds every currency's smallest coin exactly.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define MICROS_PER_UNIT 1000000

struct currency {
	char code[4];
	int digits; /* of the minor unit: 2 for cents, 0 where there is none */
};

/* NULL when the shop does not sell in it. */
const struct currency *currency_find(const char *code);

/* "19.99" to 19990000; false for nonsense and more digits than there are. */
bool price_parse(const char *text, const struct currency *currency,
		 int64_t *ret_micros);
