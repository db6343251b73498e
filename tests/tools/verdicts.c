/*
 * verdicts BEFORE.o AFTER.o [all] : what the comparison says of two objects
 *
 * A line for each item that is not the same: verdict, kind, name, reason,
 * detail. "all" has the others as well. Strings, constants and tables have no
 * name; a table says whose it is.
 */
#include <string.h>
#include <time.h>

#include "../../patcher/diff/compare.h"
#include "../../patcher/diff/correlate.h"

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

static int run(const char *before, const char *after, bool all,
	       struct hf_diag *diag)
{
	owned(unit_close_p) struct unit *original = NULL;
	owned(unit_close_p) struct unit *patched = NULL;
	clock_t start;
	int r = unit_open(before, &original, diag);

	if (!r)
		r = unit_open(after, &patched, diag);
	start = clock();
	if (!r)
		r = correlate_units(original, patched, diag);
	if (!r)
		r = compare_units(original, patched, diag);
	if (r)
		return r;
	if (getenv("VERDICTS_TIME"))
		fprintf(stderr, "%zu items, %.3f s\n",
			original->nr_items + patched->nr_items,
			(double)(clock() - start) / CLOCKS_PER_SEC);
	print_unit(original, false, all);
	print_unit(patched, true, all);
	return 0;
}

int main(int argc, char **argv)
{
	struct hf_diag diag = { 0 };

	if (argc < 3) {
		fprintf(stderr, "usage: %s BEFORE.o AFTER.o [all]\n", argv[0]);
		return 2;
	}
	if (!run(argv[1], argv[2], argc > 3, &diag))
		return 0;
	fprintf(stderr, "%s\n", diag.message);
	return 1;
}
