#include "why.h"

#include <errno.h>
#include <string.h>

#include "../../lib/cleanup.h"

/* ---- one function ------------------------------------------------------- */

static char *with_detail(const char *words, const char *detail,
			 const char *without)
{
	return detail ? text_format("%s %s", words, detail) : strdup(without);
}

static char *inlined_text(const char *names)
{
	return with_detail(names && strchr(names, ' ') ? "inlined callees" :
							 "inlined callee",
			   names, "something that is inlined into it");
}

char *why_text(const struct change *change)
{
	const char *detail = change->original->detail ?:
						      change->patched->detail;

	switch (change->original->why) {
	case WHY_INLINED:
		return inlined_text(detail);
	case WHY_CONSTANT:
		return with_detail("constant:", detail, "a constant");
	case WHY_CALLEE:
		return detail ? text_format("calls %s now", detail) :
				strdup("calls another clone");
	case WHY_REFERENCE:
		return with_detail("refers to", detail,
				   "refers to something else");
	case WHY_BINDING:
		return with_detail("names:", detail, "its names");
	case WHY_COLD:
		return strdup("own code, in its cold part");
	case WHY_NOT:
	case WHY_CODE:
	case WHY_SIZE:
		break;
	}
	return strdup("own code");
}

/* Names that the compiler made up tell people nothing without the source's. */
static int add_change(const struct change *change, struct strings *lines)
{
	owned(free_p) char *why = why_text(change);
	const char *name = change->original->name ?: "?";
	int size = (int)strcspn(name, ".");

	if (!why)
		return -ENOMEM;
	if (name[size])
		return strings_addf(lines,
				    "  %s()  %s: %s (the compiler's copy of "
				    "%.*s())",
				    name, change->pair->name, why, size, name);
	return strings_addf(lines, "  %s()  %s: %s", name, change->pair->name,
			    why);
}

/* ---- what is new -------------------------------------------------------- */

enum nameless { LITERALS, CONSTANTS, TABLES, NR_NAMELESS };

static void count_nameless(const struct change_set *set, size_t counts[])
{
	for (size_t i = 0; i < set->nr_additions; i++)
		switch (set->additions[i].patched->kind) {
		case ITEM_STRING:
			counts[LITERALS]++;
			break;
		case ITEM_CONSTANT:
			counts[CONSTANTS]++;
			break;
		case ITEM_TABLE:
			counts[TABLES]++;
			break;
		default:
			break;
		}
}

/* "3 literals, 1 table"; nothing when there is none. */
static int add_nameless(const struct change_set *set, struct strings *lines)
{
	static const char *const words[] = { "literal", "constant", "table" };
	size_t counts[NR_NAMELESS] = { 0 };
	char text[128] = "";

	count_nameless(set, counts);
	for (size_t i = 0; i < NR_NAMELESS; i++) {
		size_t used = strlen(text);

		if (counts[i])
			snprintf(text + used, sizeof(text) - used,
				 "%s%zu %s%s", used ? ", " : "", counts[i],
				 words[i], counts[i] == 1 ? "" : "s");
	}
	return *text ? strings_addf(lines, "  %s", text) : 0;
}

static int add_named(const struct addition *addition, struct strings *lines)
{
	const struct item *item = addition->patched;
	char text[256];

	item_describe(item, text, sizeof(text));
	if (item->kind == ITEM_FUNCTION)
		return strings_addf(lines, "  %s  %s", text,
				    addition->pair->name);
	if (item->kind != ITEM_VARIABLE)
		return 0;
	return strings_addf(lines, "  %s  %s: %lu bytes%s", text,
			    addition->pair->name, item->size,
			    item->verdict == VERDICT_CHANGED ?
				    ", a copy of the constant" :
				    "");
}

int why_additions(const struct change_set *set, struct strings *lines)
{
	int r = 0;

	for (size_t i = 0; i < set->nr_additions && !r; i++)
		r = add_named(&set->additions[i], lines);
	return r ?: add_nameless(set, lines);
}

/* ---- the table ---------------------------------------------------------- */

/* A heading only where something stands below it. */
static int add_section(const char *heading, const struct strings *section,
		       struct strings *lines)
{
	if (!section->nr)
		return 0;
	return strings_add(lines, heading) ?:
		       strings_add_all(lines, section);
}

static int add_changes(const struct change_set *set, struct strings *lines)
{
	int r = 0;

	for (size_t i = 0; i < set->nr_changes && !r; i++)
		r = add_change(&set->changes[i], lines);
	return r;
}

static int add_left_out(const struct change_set *set, struct strings *lines)
{
	int r = 0;

	for (size_t i = 0; i < set->left_out.nr && !r; i++)
		r = strings_addf(lines, "  %s", set->left_out.items[i]);
	return r;
}

int why_table(const struct change_set *set, struct strings *lines)
{
	static const struct {
		const char *heading;
		int (*add)(const struct change_set *, struct strings *);
	} sections[] = {
		{ "changed:", add_changes },
		{ "new:", why_additions },
		{ "left out:", add_left_out },
	};
	int r = 0;

	for (size_t i = 0; i < sizeof(sections) / sizeof(*sections) && !r;
	     i++) {
		struct strings section = { 0 };

		r = sections[i].add(set, &section) ?:
			    add_section(sections[i].heading, &section, lines);
		strings_release(&section);
	}
	return r;
}

const char *why_limits(void)
{
	return "what the old code has already done to data is not repaired, "
	       "and a thread that never leaves the old function stays in it";
}
