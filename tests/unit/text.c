/* What reaches a terminal of what others have written. */
#include "../../lib/text.h"

#include <stdlib.h>

#include "../tap.h"

struct text_case {
	const char *text, *want;
};

static void check_all(const struct text_case *cases, size_t nr)
{
	for (size_t i = 0; i < nr; i++) {
		char text[64];

		snprintf(text, sizeof(text), "%s", cases[i].text);
		text_clean(text, "\n");
		CHECK_STR(text, cases[i].want);
	}
}

#define CHECK_ALL(cases) check_all(cases, sizeof(cases) / sizeof(*(cases)))

TEST(in_utf8)
{
	static const struct text_case cases[] = {
		{ "plain 1~", "plain 1~" },
		{ "a\nb\tc\rd", "a\nb?c?d" },
		{ "\033[31m\177", "?[31m?" },
		{ "stra\xc3\x9f" "e \xe2\x82\xac \xf0\x9f\x98\x80",
		  "stra\xc3\x9f" "e \xe2\x82\xac \xf0\x9f\x98\x80" },
		{ "\xc2\x9b" "2J \xc2\x80 \xc2\xa0",
		  "??" "2J ?? \xc2\xa0" },
		/* Bare, cut short, too long, a surrogate, beyond the last */
		{ "\x9b" "2J \x80 \xff", "?2J ? ?" },
		{ "\xe2\x82", "??" },
		{ "\xc0\x9b \xe0\x82\x9b", "?? ???" },
		{ "\xed\xa0\x80", "???" },
		{ "\xf4\x90\x80\x80 \xf8\x88\x80\x80\x80", "???? ?????" },
		/* A lead in front of what it does not lead */
		{ "\xc3\033[2J", "??[2J" },
		/* Right-to-left override, isolate, line separator */
		{ "a\xe2\x80\xae" "b\xe2\x81\xa7 \xe2\x80\xa8",
		  "a???b??? ???" },
	};

	setenv("LC_ALL", "C.UTF-8", true);
	text_ask_locale();
	if (!text_is_utf8())
		SKIP("there is no locale C.UTF-8");
	CHECK_ALL(cases);
}

/* Each byte is a character there, whatever it was meant for. */
TEST(in_another_locale)
{
	static const struct text_case cases[] = {
		{ "\xc3\xbc", "\xc3\xbc" },
		{ "\xc3\x9b" "2J", "??2J" },
		{ "\xe2\x82\xac", "???" },
		{ "\x9b" "2J", "?2J" },
	};

	setenv("LC_ALL", "C", true);
	text_ask_locale();
	CHECK(!text_is_utf8());
	CHECK_ALL(cases);
}

TEST(one_line)
{
	char text[] = "a\n\nb\033";

	text_one_line(text);
	CHECK_STR(text, "a??b\033");
}

int main(int argc, char **argv)
{
	return tap_main(argc, argv);
}
