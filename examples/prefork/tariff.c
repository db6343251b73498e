#include "tariff.h"

#include <stddef.h>
#include <string.h>

static const struct tariff tariffs[] = {
	{ "DE", 390, { { 500, 100 }, { 2000, 250 }, { 10000, 600 }, { 31500, 1400 } } },
	{ "FR", 490, { { 500, 150 }, { 2000, 320 }, { 10000, 750 }, { 31500, 1800 } } },
	{ "JP", 990, { { 500, 400 }, { 2000, 990 }, { 10000, 3200 }, { 31500, 8900 } } },
	{ "NO", 690, { { 500, 200 }, { 2000, 450 }, { 10000, 990 }, { 31500, 2600 } } },
	{ "US", 890, { { 500, 350 }, { 2000, 820 }, { 10000, 2700 }, { 31500, 7400 } } },
};

const struct tariff *tariff_find(const char *country)
{
	for (size_t i = 0; i < sizeof(tariffs) / sizeof(*tariffs); i++)
		if (!strcmp(tariffs[i].country, country))
			return &tariffs[i];
	return NULL;
}
