#include "since.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "../lib/types.h"
#include "clock.h"

#define SECONDS_MAX (100ll * 366 * 86400)

/* Return: seconds of "12h"; -1: it is something else. */
static long long age_parse(const char *text)
{
	static const struct unit {
		char letter;
		long long seconds;
	} units[] = { { 's', 1 }, { 'm', 60 }, { 'h', 3600 }, { 'd', 86400 } };
	char *end;
	long long count;

	if (*text < '0' || *text > '9')
		return -1;
	errno = 0;
	count = strtoll(text, &end, 10);
	if (errno || !*end || end[1])
		return -1;
	for (size_t i = 0; i < ARRAY_SIZE(units); i++)
		if (*end == units[i].letter &&
		    count <= SECONDS_MAX / units[i].seconds)
			return count * units[i].seconds;
	return -1;
}

static bool date_parse(const char *text, time_t *ret_seconds)
{
	static const char *const formats[] = { "%Y-%m-%d", "%Y-%m-%dT%H:%M",
					       "%Y-%m-%dT%H:%M:%S" };

	for (size_t i = 0; i < ARRAY_SIZE(formats); i++) {
		struct tm tm = { .tm_isdst = -1 };
		const char *end = strptime(text, formats[i], &tm);

		if (!end || *end)
			continue;
		*ret_seconds = mktime(&tm);
		return *ret_seconds >= 0;
	}
	return false;
}

int since_parse(const char *text, int64_t *ret_ns, struct hf_diag *diag)
{
	long long age = age_parse(text);
	time_t seconds;

	if (age >= 0)
		seconds = time(NULL) - (time_t)age;
	else if (!date_parse(text, &seconds))
		return hf_error(diag, -EINVAL, "usage",
				"--since: \"%s\" is no time: 90d, 12h, or "
				"2026-11-23T21:30",
				text);
	/* Before 1970 is as good as from the beginning, which 0 is. */
	*ret_ns = seconds > 0 ? (int64_t)seconds * (int64_t)NS_PER_S : 1;
	return 0;
}
