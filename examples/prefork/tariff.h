/*
 * What the carriers charge, by country of destination.
 */
#pragma once

#include <stdint.h>

#define NR_STEPS 4

struct tariff {
	char country[3];
	int64_t base; /* cents per parcel */
	struct {
		int64_t up_to; /* grams */
		int64_t price; /* cents */
	} steps[NR_STEPS];
};

/* NULL where we do not deliver. */
const struct tariff *tariff_find(const char *country);
