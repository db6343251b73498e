/*
 * What it costs to send a parcel.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* False when nobody takes such a parcel there. */
bool quote_parcel(const char *country, int64_t grams, int64_t *ret_cents);
