/*
 * All items of all patched objects, found by address and by global name.
 */
#include <errno.h>
#include <string.h>

#include "select_parts.h"

static int by_item(const void *a, const void *b)
{
	const struct candidate *left = a, *right = b;

	if (left->item == right->item)
		return 0;
	return (uintptr_t)left->item < (uintptr_t)right->item ? -1 : 1;
}

static int collect_items(const struct change_set *set,
			 struct candidates *candidates)
{
	size_t nr = 0;

	for (size_t i = 0; i < set->nr_pairs; i++)
		if (set->pairs[i].patched)
			nr += set->pairs[i].patched->nr_items;
	candidates->entries = calloc(nr + 1, sizeof(*candidates->entries));
	if (!candidates->entries)
		return -ENOMEM;
	for (size_t i = 0; i < set->nr_pairs; i++) {
		struct unit_pair *pair = &set->pairs[i];

		for (size_t k = 0; pair->patched && k < pair->patched->nr_items;
		     k++)
			candidates->entries[candidates->nr++] =
				(struct candidate){ pair->patched->items[k],
						    pair, false };
	}
	qsort(candidates->entries, candidates->nr,
	      sizeof(*candidates->entries), by_item);
	return 0;
}

static int add_name(struct candidates *candidates, const char *name,
		    struct candidate *candidate)
{
	struct named_candidate *named =
		array_append(candidates->names, candidates->nr_names);

	if (!named)
		return -ENOMEM;
	*named = (struct named_candidate){ name, candidate };
	return 0;
}

static int add_names(struct candidates *candidates, struct candidate *candidate)
{
	const struct item *item = candidate->item;
	const struct unit *unit = candidate->pair->patched;
	int r = 0;

	if (item->kind == ITEM_EXTERNAL || !item->name)
		return 0;
	if (item->binding != STB_LOCAL)
		r = add_name(candidates, item->name, candidate);
	for (size_t i = 0; i < item->nr_aliases && !r; i++) {
		size_t symbol = item->aliases[i];

		if (ELF64_ST_BIND(unit->symbols.entries[symbol].st_info) !=
		    STB_LOCAL)
			r = add_name(candidates,
				     elf_symbol_name(unit->file, &unit->symbols,
						     symbol),
				     candidate);
	}
	return r;
}

/* A definition that is no weak one comes first, then that of the first pair. */
static int by_name(const void *a, const void *b)
{
	const struct named_candidate *left = a, *right = b;
	bool left_weak = left->candidate->item->binding == STB_WEAK;
	bool right_weak = right->candidate->item->binding == STB_WEAK;
	int r = strcmp(left->name, right->name);

	if (r)
		return r;
	if (left_weak != right_weak)
		return left_weak ? 1 : -1;
	if (left->candidate->pair == right->candidate->pair)
		return 0;
	return left->candidate->pair < right->candidate->pair ? -1 : 1;
}

static int collect_names(struct candidates *candidates)
{
	int r = 0;

	for (size_t i = 0; i < candidates->nr && !r; i++)
		r = add_names(candidates, &candidates->entries[i]);
	if (!r && candidates->nr_names)
		qsort(candidates->names, candidates->nr_names,
		      sizeof(*candidates->names), by_name);
	return r;
}

int candidates_collect(const struct change_set *set,
		       struct candidates *ret_candidates)
{
	struct candidates candidates = { 0 };
	int r = collect_items(set, &candidates);

	if (!r)
		r = collect_names(&candidates);
	if (r)
		candidates_release(&candidates);
	else
		*ret_candidates = candidates;
	return r;
}

void candidates_release(struct candidates *candidates)
{
	free(candidates->entries);
	free(candidates->names);
	*candidates = (struct candidates){ 0 };
}

struct candidate *candidate_of(const struct candidates *candidates,
			       const struct item *item)
{
	struct candidate key = { .item = (struct item *)item };

	if (!item || !candidates->nr)
		return NULL;
	return bsearch(&key, candidates->entries, candidates->nr, sizeof(key),
		       by_item);
}

struct candidate *candidate_named(const struct candidates *candidates,
				  const char *name)
{
	size_t low = 0, high = candidates->nr_names;

	while (name && low < high) {
		size_t middle = low + (high - low) / 2;

		if (strcmp(candidates->names[middle].name, name) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	if (!name || low == candidates->nr_names ||
	    strcmp(candidates->names[low].name, name))
		return NULL;
	return candidates->names[low].candidate;
}
