/*
 * Constants that other files can see.
 *
 * A table of one object whose content changed is read by code of another one
 * through an external name. That code has not changed by itself, and would go
 * on reading the old table. So in each object the external name becomes
 * changed, and takes along what refers to it as a constant of its own would
 * (compare_spread.c). That may change constants there, so it is repeated until
 * nothing is new.
 *
 * Objects that are equal before and after are not in the set; that they may
 * read such a table as well is for judge.h to say.
 */
#include <errno.h>
#include <string.h>

#include "compare_parts.h"
#include "select_parts.h"

static bool is_changed_constant(const struct candidate *candidate)
{
	return candidate &&
	       candidate->item->verdict == VERDICT_CHANGED &&
	       item_is_read_only_data(candidate->item);
}

/* Return: how many external names became changed. */
static size_t mark_externals(struct unit_pair *pair,
			     const struct candidates *candidates)
{
	size_t nr = 0;

	for (size_t i = 0; i < pair->patched->nr_items; i++) {
		struct item *item = pair->patched->items[i];

		if (item->kind != ITEM_EXTERNAL || !item->twin ||
		    item->verdict != VERDICT_SAME ||
		    !is_changed_constant(
			    candidate_named(candidates, item->name)))
			continue;
		mark_changed(item, WHY_CONSTANT, NULL);
		nr++;
	}
	return nr;
}

static int spread(struct unit_pair *pair)
{
	owned(graph_free_p) struct graph *graph = NULL;
	int r = graph_create(pair->original, pair->patched, &graph);

	return r ?: compare_spread(graph);
}

int select_constants(struct change_set *set,
		     const struct candidates *candidates)
{
	bool again = true;
	int r = 0;

	while (again && !r) {
		again = false;
		for (size_t i = 0; i < set->nr_pairs && !r; i++) {
			struct unit_pair *pair = &set->pairs[i];

			if (!pair->original || !pair->patched ||
			    !mark_externals(pair, candidates))
				continue;
			again = true;
			r = spread(pair);
		}
	}
	return r;
}
