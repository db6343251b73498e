/*
 * Where a directive may stand: the lexer, line by line.
 */
#include "../tap.h"

#include "../../patcher/source/c_lexer.h"

/* One letter a line: + safe, - not. */
static void check_safe(const char *text, const char *want)
{
	struct c_lines lines;
	char got[64] = "";

	CHECK_EQ(c_lex(text, strlen(text), &lines), 0);
	for (size_t i = 0; i < lines.nr && i < sizeof(got) - 1; i++)
		got[i] = lines.items[i].safe ? '+' : '-';
	c_lines_release(&lines);
	if (strcmp(got, want))
		TAP_FAIL("%s\nis %s, not %s", text, got, want);
}

struct safe_case {
	const char *text, *want;
};

static void check_all(const struct safe_case *cases, size_t nr)
{
	for (size_t i = 0; i < nr && !tap_failed; i++)
		check_safe(cases[i].text, cases[i].want);
}

#define CHECK_ALL(cases) check_all(cases, sizeof(cases) / sizeof(*(cases)))

TEST(comments_and_strings)
{
	static const struct safe_case cases[] = {
		{ "a;\nb;\n", "++" },
		{ "a;\nb;", "++" },
		{ "", "" },
		{ "/* a\nb */\nc;\n", "+-+" },
		{ "// a \\\nb\nc;\n", "+-+" },
		{ "// a \\  \nb\nc;\n", "+-+" },
		{ "x = \"a\\\nb\";\nc;\n", "+-+" },
		{ "x = \"/*\";\nc;\n", "++" },
		{ "x = '\"';\nc;\n", "++" },
		{ "x = '\\'';\nf(\nc);\n", "++-" },
		{ "x = \"\\\\\";\nf(\nc);\n", "++-" },
		{ "/* it's (here */\nc;\n", "++" },
		{ "x = \"a(\"\n\"b\";\nc;\n", "+++" },
		/* Prose in a branch that nobody compiles. */
		{ "#if 0\nit's (so\n#endif\nc;\n", "++++" },
		{ "#if 0\nit is (so\n#endif\nc;\n", "++-+" },
		{ "a /\n/ b;\nc;\n", "+++" },
	};

	CHECK_ALL(cases);
}

TEST(parentheses)
{
	static const struct safe_case cases[] = {
		{ "f(a,\nb);\nc;\n", "+-+" },
		{ "if (a &&\n    (b ||\n     c)) {\nd;\n}\n", "+--++" },
		{ "int x[] = {\n1,\n2 };\n", "+++" },
		/* The name of a macro and its arguments. */
		{ "CHECK\n(x);\ny;\n", "+-+" },
		{ "CHECK\n\n/* so */\n(x);\ny;\n", "+---+" },
		{ "a = b +\n(x);\ny;\n", "+++" },
		{ "CHECK\n#define X 1\ny;\n", "+++" },
		/* One that was lost is forgotten at the function's end. */
		{ "f(\n}\nc;\n", "+-+" },
		{ "f(\n }\nc;\n", "+--" },
		{ ")\nf(\nb)\nc;\n", "++-+" },
	};

	CHECK_ALL(cases);
}

TEST(directives)
{
	static const struct safe_case cases[] = {
		{ "#define X \\\n a( \\\n b\nc;\n", "+--+" },
		{ "#define OPEN (\nc;\n", "++" },
		{ "#define X /* a\nb */ (\nc;\n", "+-+" },
		{ "#error don't\nc;\n", "++" },
		/* Branches of one call: both leave it open. */
		{ "#ifdef A\nf(a,\n#else\nf(b,\n#endif\nc);\nd;\n", "++-+--+" },
		/* Only one does: the careful reading. */
		{ "#ifdef A\nf(\n#endif\nc;\n", "++--" },
		{ "#if 0\nf(\n#else\ng();\n#endif\nc;\n", "++-+++" },
	};

	CHECK_ALL(cases);
}

TEST(literals_of_cpp)
{
	static const struct safe_case cases[] = {
		{ "x = R\"(a\n\"(b\n)\";\nc;\n", "+--+" },
		{ "x = u8R\"x(a)\"\n)x\";\nc;\n", "+-+" },
		/* No raw string, but a macro R and a string. */
		{ "x = R\"a b(c\";\nc;\n", "++" },
		{ "x = 1'000'000;\nf(\nb);\n", "++-" },
		{ "x = 0x1'0p+3'1;\nf(\nb);\n", "++-" },
		{ "x = L'a' + u'(';\nc;\n", "++" },
	};

	CHECK_ALL(cases);
}

TEST(kinds_of_directives)
{
	static const char text[] = "#if 0\n"
				   " # ifdef A\n"
				   "/* so */ #else\n"
				   "#elif B\n"
				   "#endif\n"
				   "#line 12 \"a\\\"b.y\"\n"
				   "# 7 \"c.c\" 2\n"
				   "#line NUMBER\n"
				   "#line 99999999999\n"
				   "#include \"x\"\n"
				   "a = b #if\n"
				   "#if 0x1\n";
	static const struct {
		enum c_directive directive;
		unsigned int number;
		bool never;
	} want[] = {
		{ C_IF, 0, true },    { C_IF, 0, false },
		{ C_ELSE, 0, false }, { C_ELIF, 0, false },
		{ C_ENDIF, 0, false }, { C_LINE, 12, false },
		{ C_LINE, 7, false }, { C_LINE, 0, false },
		{ C_LINE, 0, false }, { C_OTHER, 0, false },
		{ C_NO_DIRECTIVE, 0, false }, { C_IF, 0, false },
	};
	struct c_lines lines;

	CHECK_EQ(c_lex(text, sizeof(text) - 1, &lines), 0);
	CHECK_EQ(lines.nr, sizeof(want) / sizeof(*want));
	for (size_t i = 0; i < lines.nr; i++) {
		if (lines.items[i].directive != want[i].directive ||
		    lines.items[i].number != want[i].number ||
		    lines.items[i].never != want[i].never)
			TAP_FAIL("line %zu is %d %u %d", i + 1,
				 lines.items[i].directive,
				 lines.items[i].number, lines.items[i].never);
	}
	CHECK_EQ(lines.items[5].name.size, 6);
	CHECK_BYTES(text + lines.items[5].name.at, "a\\\"b.y", 6);
	CHECK_BYTES(text + lines.items[6].digits.at, "7 ", 2);
	c_lines_release(&lines);
}

/* Whatever the bytes are, every line is counted once. */
TEST(bytes_that_are_not_c)
{
	static const char alphabet[] = "\n\n\n#(){}'\"/*\\R1 \tif\r\0xl";
	unsigned int seed = 1;

	for (int round = 0; round < 2000; round++) {
		char *text = malloc(60);
		struct c_lines lines;
		size_t newlines = 0;

		for (size_t i = 0; i < 60; i++) {
			seed = seed * 1103515245 + 12345;
			text[i] = alphabet[(seed >> 16) %
					   (sizeof(alphabet) - 1)];
			newlines += i < 59 && text[i] == '\n';
		}
		CHECK_EQ(c_lex(text, 60, &lines), 0);
		CHECK_EQ(lines.nr, newlines + 1);
		c_lines_release(&lines);
		free(text);
	}
}

int main(int argc, char **argv)
{
	return tap_main(argc, argv);
}
