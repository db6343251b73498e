/*
 * The words of the table that says what a patch holds.
 */
#include "../tap.h"

#include "../../patcher/diff/why.h"
#include "sample_unit.h"

static struct unit_pair pair = { .name = "src/pay.o" };

/* clang-format off */
static const struct {
	enum why why;
	const char *detail, *text;
} reasons[] = {
	{ WHY_CODE, NULL, "own code" },
	{ WHY_INLINED, "g()", "inlined callee g()" },
	{ WHY_INLINED, "g() h()", "inlined callees g() h()" },
	{ WHY_CONSTANT, "the literal \"no\"", "constant: the literal \"no\"" },
	{ WHY_CALLEE, "g.constprop.1()", "calls g.constprop.1() now" },
	{ WHY_REFERENCE, "limit in place of max",
	  "refers to limit in place of max" },
	{ WHY_REFERENCE, NULL, "refers to something else" },
	{ WHY_BINDING, "f does not name the same code",
	  "names: f does not name the same code" },
	{ WHY_COLD, NULL, "own code, in its cold part" },
};
/* clang-format on */

TEST(reasons)
{
	for (size_t i = 0; i < sizeof(reasons) / sizeof(*reasons); i++) {
		struct item item = { .why = reasons[i].why,
				     .detail = (char *)reasons[i].detail };
		const struct change change = { .pair = &pair,
					       .original = &item,
					       .patched = &item };
		owned(free_p) char *text = why_text(&change);

		CHECK_STR(text, reasons[i].text);
	}
}

static int add(struct change_set *set, struct item *item)
{
	struct addition *addition =
		array_append(set->additions, set->nr_additions);

	*addition = (struct addition){ &pair, item };
	return 0;
}

static char *table_of(const struct change_set *set)
{
	struct strings lines = { 0 };
	char *text = calloc(1, 2000), *end = text;

	if (!why_table(set, &lines))
		for (size_t i = 0; i < lines.nr; i++)
			end += sprintf(end, "%s\n", lines.items[i]);
	strings_release(&lines);
	return text;
}

TEST(table)
{
	struct sample *sample = sample_new();
	struct item *charge = sample_item(sample, ITEM_FUNCTION,
					  "charge.constprop.0", "\xc3", 1);
	struct item *audit = sample_item(sample, ITEM_FUNCTION, "audit",
					 "\xc3", 1);
	struct item *count = sample_item(sample, ITEM_VARIABLE, "nr_audits",
					 NULL, 4);
	struct item *one = sample_item(sample, ITEM_STRING, NULL, "one", 4);
	struct item *two = sample_item(sample, ITEM_STRING, NULL, "two", 4);
	struct item *jumps = sample_item(sample, ITEM_TABLE, NULL, NULL, 16);
	struct change change = { .pair = &pair,
				 .original = charge,
				 .patched = charge };
	struct change_set set = { .changes = &change, .nr_changes = 1 };
	owned(free_p) char *text = NULL;

	add(&set, audit);
	add(&set, one);
	add(&set, count);
	add(&set, two);
	add(&set, jumps);
	strings_add(&set.left_out, "src/cli.c: not part of payd");
	text = table_of(&set);
	free(set.additions);
	strings_release(&set.left_out);
	sample_free(sample);
	CHECK_STR(text,
		  "changed:\n"
		  "  charge.constprop.0()  src/pay.o: own code (the compiler's "
		  "copy of charge())\n"
		  "new:\n"
		  "  audit()  src/pay.o\n"
		  "  variable nr_audits  src/pay.o: 4 bytes\n"
		  "  2 literals, 1 table\n"
		  "left out:\n"
		  "  src/cli.c: not part of payd\n");
}

TEST(empty_table)
{
	const struct change_set set = { 0 };
	owned(free_p) char *text = table_of(&set);

	CHECK_STR(text, "");
}

int main(int argc, char **argv) { return tap_main(argc, argv); }
