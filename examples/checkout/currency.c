#include "currency.h"

#include <stddef.h>
#include <string.h>

#define UNITS_MAX 1000000000

static const struct currency currencies[] = {
	{ "EUR", 2 }, { "USD", 2 }, { "SEK", 2 }, { "CHF", 2 },
	{ "JPY", 0 }, { "KRW", 0 }, /* whole yen and won only */
	{ "KWD", 3 },		    /* a dinar has 1000 fils */
};

const struct currency *currency_find(const char *code)
{
	for (size_t i = 0; i < sizeof(currencies) / sizeof(*currencies); i++)
		if (!strcmp(currencies[i].code, code))
			return &currencies[i];
	return NULL;
}

bool price_parse(const char *text, const struct currency *currency,
		 int64_t *ret_micros)
{
	int64_t units = 0, scale = MICROS_PER_UNIT, fraction = 0;
	const char *next = text;

	for (; *next >= '0' && *next <= '9'; next++) {
		units = units * 10 + (*next - '0');
		if (units > UNITS_MAX)
			return false;
	}
	if (next == text)
		return false;
	if (*next == '.') {
		next++;
		for (int i = 0; i < currency->digits; i++, next++) {
			if (*next < '0' || *next > '9')
				return false;
			scale /= 10;
			fraction += (*next - '0') * scale;
		}
	}
	if (*next)
		return false;
	*ret_micros = units * MICROS_PER_UNIT + fraction;
	return true;
}
