/*
 * What operators type: durations and process ids.
 */
#include "../../agent/duration.h"
#include "../../agent/pids.h"
#include "../../lib/types.h"
#include "../tap.h"

#include <errno.h>

TEST(duration_units)
{
	static const struct {
		const char *text;
		uint64_t ns;
	} cases[] = {
		{ "5", 5000000000 },	{ "5s", 5000000000 },
		{ "500ms", 500000000 }, { "250us", 250000 },
		{ "250µs", 250000 },	{ "2m", 120000000000 },
		{ "1h", 3600000000000 }, { "1.5s", 1500000000 },
		{ "0.25ms", 250000 },	{ "0", 0 },
		{ "24h", 86400000000000 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		uint64_t ns = 1;

		CHECK_EQ(duration_parse(cases[i].text, &ns, NULL), 0);
		CHECK_EQ(ns, cases[i].ns);
	}
}

TEST(duration_refused)
{
	static const char *const cases[] = {
		"", "s", "5 s", "-1s", "5x", "1..5s", ".", "0x10", "5sec ",
		"99999999999999999999", "25h", "1e3", "inf", "+1",
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct hf_diag diag = { 0 };
		uint64_t ns = 42;

		CHECK_EQ(duration_parse(cases[i], &ns, &diag), -EINVAL);
		CHECK_EQ(ns, 42);
		CHECK_STR(diag.code, "usage");
		CHECK_CONTAINS(diag.message, cases[i]);
	}
}

TEST(duration_text)
{
	static const struct {
		uint64_t ns;
		const char *text;
	} cases[] = {
		{ 143200, "143 us" },	 { 7540, "7.5 us" },
		{ 999400, "999 us" },	 { 999600, "1.0 ms" },
		{ 6200000, "6.2 ms" },	 { 6254000, "6.25 ms" },
		{ 45210000, "45.2 ms" }, { 145210000, "145 ms" },
		{ 1240000000, "1.24 s" }, { 61000000000, "61.0 s" },
	};
	char text[DURATION_TEXT_SIZE];

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		CHECK_STR(duration_format(cases[i].ns, false, text),
			  cases[i].text);
	CHECK_STR(duration_format(143200, true, text), "143 µs");
}

TEST(pids_each_once_in_order)
{
	struct pids pids = { 0 };

	CHECK_EQ(pids_parse(&pids, "33,12,33", NULL), 0);
	CHECK_EQ(pids_parse(&pids, "12", NULL), 0);
	CHECK_EQ(pids_parse(&pids, "2147483647", NULL), 0);
	CHECK_EQ(pids.nr, 3);
	CHECK_EQ(pids.entries[0], 33);
	CHECK_EQ(pids.entries[1], 12);
	CHECK_EQ(pids.entries[2], 2147483647);
	pids_release(&pids);
}

TEST(pids_refused)
{
	static const char *const cases[] = { "", "0", "-1", "1,", ",1", "1 ",
					     "12x", "0x1", "2147483648",
					     "99999999999999999999", "1,,2" };

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct pids pids = { 0 };
		struct hf_diag diag = { 0 };
		int r = pids_parse(&pids, cases[i], &diag);

		pids_release(&pids);
		CHECK_EQ(r, -EINVAL);
		CHECK_STR(diag.code, "usage");
	}
}

int main(int argc, char **argv)
{
	return tap_main(argc, argv);
}
