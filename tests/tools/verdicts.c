/*
 * verdicts BEFORE.o AFTER.o [all] : what the comparison says of two objects
 * verdicts BEFORE.o AFTER.o [all] SOURCE LINE NR : what a diff does that
 *	changes NR lines of SOURCE from LINE on
 *
 * A line for each item that is not the same: verdict, kind, name, reason,
 * detail. "all" has the others as well. Strings, constants and tables have no
 * name; a table says whose it is. With a diff, what was selected follows.
 */
#include <string.h>
#include <time.h>

#include "../../patcher/diff/compare.h"
#include "../../patcher/diff/correlate.h"
#include "../../patcher/diff/select.h"

static const char *const verdicts[] = { "SAME", "CHANGED", "ADDED", "REMOVED" };
static const char *const kinds[] = { "function", "cold",     "variable",
				     "table",	 "string",   "constant",
				     "external" };
static const char *const reasons[] = { "-",    "code", "reference",
				       "constant", "size", "cold",
				       "inlined",  "callee", "binding" };

static const char *name_of(const struct item *item)
{
	if (item->name)
		return item->name;
	return item->parent && item->parent->name ? item->parent->name : "-";
}

/* Partners once: as the patched object has them. */
static void print_unit(const struct unit *unit, bool patched, bool all)
{
	for (size_t i = 0; i < unit->nr_items; i++) {
		const struct item *item = unit->items[i];

		if ((!patched && item->twin) ||
		    (!all && item->verdict == VERDICT_SAME))
			continue;
		printf("%s %s %s", verdicts[item->verdict], kinds[item->kind],
		       name_of(item));
		if (item->scope)
			printf(" of %s", item->scope);
		if (item->why)
			printf(" %s", reasons[item->why]);
		if (item->detail)
			printf(": %s", item->detail);
		if (item->twin && item->name && item->twin->name &&
		    strcmp(item->name, item->twin->name))
			printf(" (before: %s)", item->twin->name);
		putchar('\n');
	}
}

static void print_selection(const struct change_set *set)
{
	for (size_t i = 0; i < set->nr_changes; i++)
		printf("REPLACES function %s\n", set->changes[i].patched->name);
	for (size_t i = 0; i < set->nr_additions; i++) {
		const struct item *item = set->additions[i].patched;

		printf("BRINGS %s %s\n", kinds[item->kind], name_of(item));
	}
	for (size_t i = 0; i < set->left_out.nr; i++)
		printf("LEAVES %s\n", set->left_out.items[i]);
}

/* @words: source, line, number of lines. */
static int select_all(struct unit_pair *pair, char **words,
		      struct change_set *set, struct hf_diag *diag)
{
	struct line_change lines = {
		.old = (unsigned int)atoi(words[1]),
		.nr_old = (unsigned int)atoi(words[2]),
	};
	struct source_change source = { SOURCE_MODIFIED, words[0], &lines, 1 };

	*set = (struct change_set){ .pairs = pair,
				    .nr_pairs = 1,
				    .sources = { &source, 1 } };
	return select_changes(set, diag);
}

static void print_time(const struct unit_pair *pair, clock_t start)
{
	if (getenv("VERDICTS_TIME"))
		fprintf(stderr, "%zu items, %.3f s\n",
			pair->original->nr_items + pair->patched->nr_items,
			(double)(clock() - start) / CLOCKS_PER_SEC);
}

static int open_both(const char *before, const char *after,
		     struct unit_pair *pair, struct hf_diag *diag)
{
	int r = unit_open(before, &pair->original, diag);

	pair->name = after;
	return r ?: unit_open(after, &pair->patched, diag);
}

/* @words: NULL, or as select_all() wants them. */
static int run(struct unit_pair *pair, bool all, char **words,
	       struct hf_diag *diag)
{
	struct change_set set = { 0 };
	clock_t start = clock();
	int r = correlate_units(pair->original, pair->patched, diag);

	if (!r)
		r = compare_units(pair->original, pair->patched, diag);
	if (!r && words)
		r = select_all(pair, words, &set, diag);
	if (!r) {
		print_time(pair, start);
		print_unit(pair->original, false, all);
		print_unit(pair->patched, true, all);
		print_selection(&set);
	}
	free(set.changes);
	free(set.additions);
	strings_release(&set.left_out);
	return r;
}

int main(int argc, char **argv)
{
	bool all = argc > 3 && !strcmp(argv[3], "all");
	struct unit_pair pair = { 0 };
	struct hf_diag diag = { 0 };
	int words = 3 + all, r;

	if (argc < 3 || (argc != words && argc != words + 3)) {
		fprintf(stderr, "usage: %s BEFORE.o AFTER.o [all] "
				"[SOURCE LINE NR]\n",
			argv[0]);
		return 2;
	}
	r = open_both(argv[1], argv[2], &pair, &diag);
	if (!r)
		r = run(&pair, all, argc > words ? argv + words : NULL, &diag);
	if (r)
		fprintf(stderr, "%s\n", diag.message);
	unit_close_p(&pair.original);
	unit_close_p(&pair.patched);
	return r ? 1 : 0;
}
