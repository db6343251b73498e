/* Points in time as operators type them. */
#include "../../agent/since.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include "../tap.h"

#define SECOND INT64_C(1000000000)

TEST(ages)
{
	static const struct {
		const char *text;
		int64_t seconds;
	} cases[] = { { "0s", 0 }, { "45s", 45 }, { "30m", 1800 },
		      { "12h", 43200 }, { "90d", 7776000 } };

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		int64_t now = (int64_t)time(NULL), since_ns = 0;

		CHECK_EQ(since_parse(cases[i].text, &since_ns, NULL), 0);
		now -= since_ns / SECOND + cases[i].seconds;
		CHECK(now >= -1 && now <= 1);
	}
}

TEST(local_times)
{
	int64_t ns = 0;

	setenv("TZ", "UTC-2", true);
	tzset();
	CHECK_EQ(since_parse("1970-01-02", &ns, NULL), 0);
	CHECK_EQ(ns, 22 * 3600 * SECOND);
	CHECK_EQ(since_parse("1970-01-02T02:30", &ns, NULL), 0);
	CHECK_EQ(ns, (24 * 3600 + 1800) * SECOND);
	CHECK_EQ(since_parse("1970-01-02T02:30:05", &ns, NULL), 0);
	CHECK_EQ(ns, (24 * 3600 + 1805) * SECOND);
}

TEST(others_are_refused)
{
	static const char *const texts[] = {
		"", "yesterday", "5", "5w", "-5d", "5 d", "5dd",
		"99999999999999999999d", "9999999999d", "2026-13-01",
		"2026-11-23T", "2026-11-23 21:30", "2026-11-23T21:30x",
	};

	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		struct hf_diag diag = { 0 };
		int64_t ns = 0;

		CHECK_EQ(since_parse(texts[i], &ns, &diag), -EINVAL);
		CHECK_CONTAINS(diag.message, "is no time");
	}
}

int main(int argc, char **argv)
{
	return tap_main(argc, argv);
}
