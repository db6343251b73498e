/*
 * Durations are parsed digit by digit into integers, so that no locale and no
 * rounding of a floating-point number stands between the operator and a limit.
 */
#include "duration.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "../lib/types.h"

#define NS_PER_S 1000000000ull
#define DURATION_MAX_NS (24 * 3600 * NS_PER_S)

static const struct {
	const char *name;
	uint64_t ns;
} units[] = {
	{ "", NS_PER_S },	  { "ns", 1 },
	{ "us", 1000 },		  { "µs", 1000 },
	{ "ms", 1000000 },	  { "s", NS_PER_S },
	{ "m", 60 * NS_PER_S },	  { "min", 60 * NS_PER_S },
	{ "h", 3600 * NS_PER_S },
};

static int unit_find(const char *name, uint64_t *ret_ns)
{
	for (size_t i = 0; i < ARRAY_SIZE(units); i++) {
		if (strcmp(units[i].name, name))
			continue;
		*ret_ns = units[i].ns;
		return 0;
	}
	return -EINVAL;
}

/* "12.5": the digits as one integer, and what it must be divided by. */
static int digits_parse(const char **text, uint64_t *ret_value,
			uint64_t *ret_divisor)
{
	uint64_t value = 0, divisor = 1;
	bool point = false, digits = false;

	for (; isdigit((unsigned char)**text) || (**text == '.' && !point);
	     (*text)++) {
		if (**text == '.') {
			point = true;
			continue;
		}
		if (value > 99999999 || divisor > 99999999)
			return -ERANGE;
		value = value * 10 + (uint64_t)(**text - '0');
		divisor *= point ? 10 : 1;
		digits = true;
	}
	if (!digits)
		return -EINVAL;
	*ret_value = value;
	*ret_divisor = divisor;
	return 0;
}

int duration_parse(const char *text, uint64_t *ret_ns, struct hf_diag *diag)
{
	uint64_t value, divisor, unit;
	const char *rest = text;
	unsigned __int128 ns;
	int r;

	r = digits_parse(&rest, &value, &divisor);
	if (!r)
		r = unit_find(rest, &unit);
	if (r == -EINVAL) {
		hf_error(diag, -EINVAL, "usage", "\"%s\" is no length of time",
			 text);
		hf_hint(diag, "write 250us, 500ms, 5s or 2m; a bare number is "
			      "seconds");
		return -EINVAL;
	}
	ns = r ? 0 : (unsigned __int128)value * unit / divisor;
	if (r || ns > DURATION_MAX_NS)
		return hf_error(diag, -EINVAL, "usage",
				"\"%s\" is out of range: 24 hours at most",
				text);
	*ret_ns = (uint64_t)ns;
	return 0;
}

/* Three significant digits at most: "6.25", "6.2", "45.2", "145". */
static void number_format(double value, const char *unit, char *text)
{
	int decimals = value < 9.995 ? 2 : value < 99.95 ? 1 : 0;
	char number[24];
	int size;

	size = snprintf(number, sizeof(number), "%.*f", decimals, value);
	if (decimals == 2 && number[size - 1] == '0')
		number[size - 1] = '\0';
	snprintf(text, DURATION_TEXT_SIZE, "%s %s", number, unit);
}

const char *duration_format(uint64_t ns, bool utf8,
			    char text[DURATION_TEXT_SIZE])
{
	if (ns < 999500)
		snprintf(text, DURATION_TEXT_SIZE, "%.*f %s", ns < 9950 ? 1 : 0,
			 (double)ns / 1e3, utf8 ? "µs" : "us");
	else if (ns < 999500000)
		number_format((double)ns / 1e6, "ms", text);
	else
		number_format((double)ns / 1e9, "s", text);
	return text;
}
