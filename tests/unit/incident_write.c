/* What others have written, in documents. */
#include "../../agent/incident_write.h"
#include "../tap.h"

#include <stdlib.h>

static char *text;
static size_t text_size;

static FILE *begin(void)
{
	free(text);
	return open_memstream(&text, &text_size);
}

static const struct {
	const char *text, *html, *md;
} cases[] = {
	{ "plain text", "plain text", "plain text" },
	{ "", "", "" },
	{ "<script>alert(\"x\")</script>",
	  "&lt;script&gt;alert(&quot;x&quot;)&lt;/script&gt;",
	  "\\<script\\>alert(\"x\")\\</script\\>" },
	{ "a & b's", "a &amp; b&#39;s", "a \\& b's" },
	/* Escaped once more, not taken for escaped. */
	{ "&lt;", "&amp;lt;", "\\&lt;" },
	{ "*b* _e_ `c` [l](u)", "*b* _e_ `c` [l](u)",
	  "\\*b\\* \\_e\\_ \\`c\\` \\[l\\](u)" },
	{ "card_charge \\ |", "card_charge \\ |", "card_charge \\\\ \\|" },
	{ "# no heading", "# no heading", "\\# no heading" },
	{ "- no list", "- no list", "\\- no list" },
	{ "two\nlines\tand", "two\nlines\tand", "two lines and" },
	/* Orders to terminals, bare bytes, what turns the direction */
	{ "\033[31mred\177\b", "?[31mred??", "?\\[31mred??" },
	{ "\x80\xff\xc3", "???", "???" },
	{ "a\xe2\x80\xae" "b", "a???b", "a???b" },
	{ "\xc2\x9b" "2J", "??2J", "??2J" },
	/* and what is none of it, whatever the locale */
	{ "143 \xc2\xb5s \xe2\x82\xac \xf0\x9f\x98\x80 \xc3\x9b",
	  "143 \xc2\xb5s \xe2\x82\xac \xf0\x9f\x98\x80 \xc3\x9b",
	  "143 \xc2\xb5s \xe2\x82\xac \xf0\x9f\x98\x80 \xc3\x9b" },
};

TEST(html)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		FILE *to = begin();

		html_print(to, "<p title=\"%s\">", cases[i].text);
		fclose(to);
		CHECK_EQ(strncmp(text, "<p title=\"", 10), 0);
		text[strlen(text) - 2] = '\0';
		CHECK_STR(text + 10, cases[i].html);
	}
}

TEST(markdown)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		FILE *to = begin();

		md_print(to, "%s", cases[i].text);
		fclose(to);
		CHECK_STR(text, cases[i].md);
	}
}

/* A format is ours: it is no text of others. */
TEST(formats)
{
	FILE *to = begin();

	html_print(to, "<b>%s</b> %lld%% & %s", "<", -12ll, ">");
	fclose(to);
	CHECK_STR(text, "<b>&lt;</b> -12% & &gt;");
}

TEST(nothing_is_no_text)
{
	const char *volatile none = NULL;
	FILE *to = begin();

	html_print(to, "[%s]", none);
	fclose(to);
	CHECK_STR(text, "[]");
}

TEST(code)
{
	static const struct {
		const char *text, *want;
	} codes[] = {
		{ "name", "`name`" },
		{ "a_b*c", "`a_b*c`" },
		{ "a`b", "`` a`b ``" },
		{ "``", "``` `` ```" },
		{ "two\nlines", "`two?lines`" },
		{ "", "" },
	};

	for (size_t i = 0; i < sizeof(codes) / sizeof(*codes); i++) {
		FILE *to = begin();

		md_code(to, codes[i].text);
		fclose(to);
		CHECK_STR(text, codes[i].want);
	}
}

/* No line of the text ends the block. */
TEST(block)
{
	FILE *to = begin();

	md_block(to, "diff", "+a\n-\033b");
	fclose(to);
	CHECK_STR(text, "```diff\n+a\n-?b\n```\n");
	to = begin();
	md_block(to, "", "```\n````\n");
	fclose(to);
	CHECK_STR(text, "`````\n```\n````\n`````\n");
}

int main(int argc, char **argv)
{
	return tap_main(argc, argv);
}
