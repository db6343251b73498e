/*
 * Names without the compiler's numbers, and names for people.
 */
#include "../tap.h"

#include "../../patcher/diff/unit.h"

TEST(base_names)
{
	static const struct { const char *name, *want; } cases[] = {
		{ "f", "f" },
		{ "f.constprop.3", "f.constprop" },
		{ "f.part.0.isra.1", "f.part.isra" },
		{ "f.part.0.isra.1.cold.17", "f.part.isra.cold" },
		{ "counter.1234", "counter" },
		{ "f.counter.10", "f.counter" },
		{ "CSWTCH.17", "CSWTCH" },
		{ "__func__.0", "__func__" },
		{ ".LC12", ".LC" },
		{ ".LCPI0_3", ".LCPI" },
		{ ".L.str", ".L.str" },
		{ ".L.str.7", ".L.str" },
		{ ".Lswitch.table.f", ".Lswitch.table.f" },
		{ ".Lswitch.table.f.2", ".Lswitch.table.f" },
		/* digits that are the programmer's own */
		{ "sha256", "sha256" },
		{ "sha256.1", "sha256" },
		{ "f.2x", "f.2x" },
		{ "12", "12" },
		{ "f.", "f." },
		{ ".", "." },
		{ "", "" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char *base = item_base_name(cases[i].name);

		printf("# %s\n", cases[i].name);
		CHECK_STR(base, cases[i].want);
		free(base);
	}
}

static struct item string_item(const char *text, size_t size)
{
	return (struct item){ .kind = ITEM_STRING,
			      .bytes = (const uint8_t *)text,
			      .size = size };
}

TEST(descriptions)
{
	static struct item function = { .kind = ITEM_FUNCTION, .name = "f" };
	static const char quoted[] = "a\"b\\c\nd\001";
	static const char wide[] = "a\0\0\0b\0\0\0\0\0\0";
	static const char longer[] =
		"0123456789012345678901234567890123456789012345";
	const struct { struct item item; const char *want; } cases[] = {
		{ function, "f()" },
		{ { .kind = ITEM_COLD, .name = "f.cold", .parent = &function },
		  "the cold part of f()" },
		{ { .kind = ITEM_VARIABLE, .name = "limit" },
		  "variable limit" },
		{ { .kind = ITEM_VARIABLE, .name = "n.12", .scope = "f" },
		  "variable n of f()" },
		{ { .kind = ITEM_VARIABLE, .name = "f.n.2", .scope = "f" },
		  "variable n of f()" },
		{ { .kind = ITEM_VARIABLE, .name = "n.12" },
		  "variable n.12" },
		{ { .kind = ITEM_TABLE, .parent = &function }, "a table of f()" },
		{ { .kind = ITEM_TABLE, .size = 8 },
		  "a table of 8 bytes without a name" },
		{ { .kind = ITEM_EXTERNAL, .name = "puts" }, "puts" },
		{ string_item(quoted, sizeof(quoted)),
		  "the literal \"a\\\"b\\\\c\\nd\\001\"" },
		{ string_item(wide, sizeof(wide)), "the literal \"ab\"" },
		{ string_item(longer, sizeof(longer)),
		  "the literal \"0123456789012345678901234567890123456789\""
		  "..." },
	};
	char buffer[200];

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		CHECK_STR(item_describe(&cases[i].item, buffer,
					sizeof(buffer)),
			  cases[i].want);
	CHECK_STR(item_describe(&cases[0].item, buffer, 3), "f(");
}

int main(int argc, char **argv)
{
	return tap_main(argc, argv);
}
