/*
 * tariff_find() knows no tariff for countries where nobody delivers, and
 * quote_parcel() does not ask: it reads through the null pointer, and the
 * worker dies with the customer's connection. Say that there is no quote.
 */
#include <hotfix/hotfix.h>

#include "quote.h"
#include "tariff.h"

bool quote_parcel(const char *country, int64_t grams, int64_t *ret_cents)
{
	const struct tariff *tariff = tariff_find(country);
	int64_t cents;

	if (!tariff)
		return false;
	cents = tariff->base;
	for (int i = 0; i < NR_STEPS; i++) {
		cents += tariff->steps[i].price;
		if (grams <= tariff->steps[i].up_to) {
			*ret_cents = cents;
			return true;
		}
	}
	return false;
}
HOTFIX_REPLACE(quote_parcel);
