/*
 * What of a variable's value every build makes anew.
 */
#include "../tap.h"

#include <string.h>

#include "../../patcher/diff/noise.h"

#define VALUE(text) { text, sizeof(text) - 1 }

struct value {
	const char *bytes; /* NULL: zeros */
	size_t size;
};

static struct item item_of(const struct value *value)
{
	return (struct item){ .kind = ITEM_VARIABLE,
			      .bytes = (const uint8_t *)value->bytes,
			      .size = value->size };
}

TEST(values_of_three_builds)
{
	static const struct {
		const char *what;
		struct value original, patched, again;
		bool want;
	} cases[] = {
		{ "a counter", VALUE("\1\0\0\0"), VALUE("\2\0\0\0"),
		  VALUE("\3\0\0\0"), true },
		{ "a counter, and a value beside it",
		  VALUE("\1\0\0\0\12\0"), VALUE("\2\0\0\0\24\0"),
		  VALUE("\3\0\0\0\12\0"), false },
		{ "a value of the diff's", VALUE("\12\0"), VALUE("\24\0"),
		  VALUE("\12\0"), false },
		{ "random digits, some of them twice", VALUE("id 4de9\0"),
		  VALUE("id 7ab0\0"), VALUE("id 4d11\0"), true },
		{ "a word that changes beside them", VALUE("v1 4de9\0"),
		  VALUE("v2 7ab0\0"), VALUE("v1 4d11\0"), false },
		{ "another minute", VALUE("02:11:58\0"),
		  VALUE("02:12:01\0"), VALUE("02:11:59\0"), true },
		{ "another size", VALUE("9\0"), VALUE("10\0"),
		  VALUE("11\0"), false },
		{ "from zeros", { NULL, 2 }, VALUE("\1\0"), VALUE("\2\0"),
		  true },
		{ "to zeros, where the other is as before", VALUE("\1\1"),
		  { NULL, 2 }, VALUE("\2\1"), false },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		const struct item original = item_of(&cases[i].original);
		const struct item patched = item_of(&cases[i].patched);
		const struct item again = item_of(&cases[i].again);

		if (noise_explains(&original, &patched, &again) !=
		    cases[i].want)
			TAP_FAIL("%s", cases[i].what);
	}
}

TEST(addresses_are_not_understood)
{
	static const struct value one = VALUE("\1\0"), two = VALUE("\2\0");
	static const struct value three = VALUE("\3\0");
	struct item original = item_of(&one), patched = item_of(&two);
	struct item again = item_of(&three);

	CHECK(noise_explains(&original, &patched, &again));
	patched.nr_references = 1;
	CHECK(!noise_explains(&original, &patched, &again));
}

int main(int argc, char **argv) { return tap_main(argc, argv); }
