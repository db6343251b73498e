/*
 * From what is certain to what is likely:
 *
 *	names       that the compiler did not number
 *	groups      of equal base name: clones, static locals
 *	cold parts  by their functions
 *	contents    strings, constants, tables
 *
 * Groups are resolved in rounds, since partners found for one tell others
 * apart; the number of rounds is fixed.
 */
#include "correlate.h"

#include "correlate_parts.h"

static void forget(struct unit *unit)
{
	for (size_t i = 0; i < unit->nr_items; i++)
		unit->items[i]->twin = NULL;
}

int correlate_units(struct unit *original, struct unit *patched,
		    struct hf_diag *diag)
{
	owned(graph_free_p) struct graph *graph = NULL;
	int r;

	forget(original);
	forget(patched);
	r = graph_create(original, patched, &graph);
	if (!r)
		r = correlate_names(graph);
	if (!r)
		r = correlate_groups(graph);
	if (!r)
		r = correlate_contents(graph);
	return r ? hf_fail(diag, r, "cannot compare %s", patched->path) : 0;
}
