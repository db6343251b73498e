/* Into which waves a service is divided. */
#include "../../agent/waves.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "../tap.h"

/* "1 4 20 40" */
static const char *ends(const char *canary, const char *then, size_t nr)
{
	static char text[256];
	struct wave_plan plan = { 0 };
	size_t found[WAVES_MAX + 2], nr_found, used = 0;

	if (then && waves_parse_then(then, &plan, NULL))
		return "then?";
	if (canary && waves_parse_canary(canary, &plan, NULL))
		return "canary?";
	nr_found = waves_ends(&plan, nr, found);
	for (size_t i = 0; i < nr_found; i++)
		used += (size_t)snprintf(text + used, sizeof(text) - used,
					 "%s%zu", i ? " " : "", found[i]);
	return text;
}

TEST(growing_shares)
{
	CHECK_STR(ends("1", "10%,50%,100%", 40), "1 4 20 40");
	CHECK_STR(ends("5%", "50%,100%", 10), "1 5 10");
	CHECK_STR(ends("2", NULL, 10), "2 10");
	CHECK_STR(ends(NULL, "3,7,100%", 10), "3 7 10");
	CHECK_STR(ends(NULL, NULL, 10), "10");
}

/* What brings nobody new is no wave. */
TEST(few_processes)
{
	CHECK_STR(ends("1", "10%,50%,100%", 1), "1");
	CHECK_STR(ends("1", "10%,50%,100%", 3), "1 2 3");
	CHECK_STR(ends("5", "10%,100%", 4), "4");
	CHECK_STR(ends("1", "1%,2%,3%,4%,5%,6%,7%,8%,9%,10%,11%,12%,13%,14%,100%",
		       2),
		  "1 2");
}

TEST(no_share)
{
	static const char *const canaries[] = {
		"", "0", "0%", "-1", "+1", " 1", "101%", "1.5", "ten", "1%%",
		"99999999999999999999", "1,2",
	};
	static const char *const thens[] = {
		"", ",", "10%", "10%,", "100%,", ",100%", "50%,10%,100%",
		"10%,10%,100%", "3,2,100%", "10%;100%", "100", "0%,100%",
		"1%,2%,3%,4%,5%,6%,7%,8%,9%,10%,11%,12%,13%,14%,15%,16%,100%",
	};
	struct wave_plan plan = { 0 };

	for (size_t i = 0; i < sizeof(canaries) / sizeof(*canaries); i++) {
		CHECK_EQ(waves_parse_canary(canaries[i], &plan, NULL), -EINVAL);
	}
	for (size_t i = 0; i < sizeof(thens) / sizeof(*thens); i++) {
		CHECK_EQ(waves_parse_then(thens[i], &plan, NULL), -EINVAL);
	}
}

int main(int argc, char **argv)
{
	return tap_main(argc, argv);
}
