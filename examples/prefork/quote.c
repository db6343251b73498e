#include "quote.h"

#include "tariff.h"

bool quote_parcel(const char *country, int64_t grams, int64_t *ret_cents)
{
	const struct tariff *tariff = tariff_find(country);
	int64_t cents = tariff->base;

	for (int i = 0; i < NR_STEPS; i++) {
		cents += tariff->steps[i].price;
		if (grams <= tariff->steps[i].up_to) {
			*ret_cents = cents;
			return true;
		}
	}
	return false;
}
