/*
 * The verdicts, and why they are right.
 *
 * The patched program P is what a rebuild would run. The running original O,
 * with the patch in it, must behave like P from the switch on, while its data
 * stays. Items whose verdict is SAME are left as they are in O. Why may they?
 *
 * 1. Code that is SAME has the bytes of its partner in P, and each of its
 *    references leads to the partner of what the other leads to, at the same
 *    offset. So it does what P's would do, if what it reaches behaves like its
 *    partner; which is what the next points say. (References count as pairs, so
 *    circles do no harm: nothing in a circle is SAME unless all of it is.)
 * 2. It reaches a function: SAME, see 1; or CHANGED, then its entry leads to
 *    P's. Only entries are redirected. Whatever refers to a place inside of a
 *    function that changed (tables of labels, cold parts, odd assembler) must
 *    change with it: compare_spread.c.
 * 3. It reaches read-only data: that has equal content, to any depth, or the
 *    code is CHANGED. A variable is never exchanged for another of equal
 *    content, since its address may be compared; literals and tables without
 *    identity may.
 * 4. It reaches data that can change: there is one instance, the running one,
 *    and P's code reads it as well. Its size and initial value are equal, or
 *    it is CHANGED, which judge.h refuses: P would have started with others.
 * 5. Nothing was assumed of names. Which items are partners only decides how
 *    much is SAME, because a reference to anything else than the partner is a
 *    difference. Two things need the right partner, not just any: values of
 *    variables, and addresses of functions that the process has stored.
 *    correlate_groups.c pairs those only on evidence.
 * 6. What the compiler knew of a callee when it made its caller (registers that
 *    survive, arguments that are not passed, a result that is not used) is in
 *    the caller's bytes: had P's callee needed another caller, P's caller would
 *    have other bytes than O's, or refer to a clone of another name.
 * 7. Several names for one place are one item. Where the objects disagree about
 *    which names go together, redirecting one would redirect the other, for
 *    callers in other files: all that is involved is CHANGED, WHY_BINDING.
 *
 * Fields of relocations need no mask: x86-64 has RELA, compilers leave zeros.
 *
 * Exception tables are not compared (unit.h).
 */
#include "compare.h"

#include <errno.h>
#include <string.h>

#include "compare_parts.h"

void mark_changed(struct item *item, enum why why, char *detail)
{
	struct item *twin = item->twin;

	if (!twin || item->verdict != VERDICT_SAME) {
		free(detail);
		return;
	}
	item->verdict = twin->verdict = VERDICT_CHANGED;
	item->why = twin->why = why;
	/* People see one of both, but each owns its words. */
	twin->detail = detail ? strdup(detail) : NULL;
	item->detail = detail;
}

char *describe(const struct item *item)
{
	char buffer[256];

	return strdup(item_describe(item, buffer, sizeof(buffer)));
}

static void start(struct unit *unit, enum verdict without_twin)
{
	for (size_t i = 0; i < unit->nr_items; i++) {
		struct item *item = unit->items[i];

		item->verdict = item->twin ? VERDICT_SAME : without_twin;
		item->why = WHY_NOT;
		free(item->detail);
		item->detail = NULL;
	}
}

int compare_units(struct unit *original, struct unit *patched,
		  struct hf_diag *diag)
{
	owned(graph_free_p) struct graph *graph = NULL;
	int r;

	start(original, VERDICT_REMOVED);
	start(patched, VERDICT_ADDED);
	r = graph_create(original, patched, &graph);
	if (!r)
		r = graph_label(graph, false);
	if (!r)
		r = compare_partners(graph);
	if (!r)
		r = compare_spread(graph);
	if (r)
		return hf_fail(diag, r, "cannot compare %s", patched->path);
	compare_names(graph);
	r = compare_spread(graph);
	return r ? hf_fail(diag, r, "cannot compare %s", patched->path) : 0;
}
