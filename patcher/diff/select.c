/*
 * Everything that the replaced functions reach, until it ends in the target.
 *
 * The list of additions is its own queue: what is put on it is followed in
 * turn. Each item is taken at most once. In the end both lists are put in the
 * order of objects and addresses, so that equal input makes an equal patch.
 *
 * A cold part is no change of its own. It is an addition: the code that jumps
 * there refers to it. Copies are taken only of what has no identity, or whose
 * content is another than before; a constant that is the same stays the
 * original's, since its address may be compared.
 */
#include "select.h"

#include <errno.h>
#include <string.h>

#include "select_parts.h"

struct selection {
	struct change_set *set;
	struct candidates candidates;
};

/* Verdicts of objects that only one of the builds has. */
static void mark_unpaired(struct change_set *set)
{
	for (size_t i = 0; i < set->nr_pairs; i++) {
		struct unit_pair *pair = &set->pairs[i];
		struct unit *only = pair->original ?: pair->patched;

		if (pair->original && pair->patched)
			continue;
		for (size_t k = 0; only && k < only->nr_items; k++)
			only->items[k]->verdict = pair->patched ?
							  VERDICT_ADDED :
							  VERDICT_REMOVED;
	}
}

bool item_is_copied(const struct item *item)
{
	switch (item->kind) {
	case ITEM_COLD:
		return true;
	case ITEM_EXTERNAL:
		return false;
	case ITEM_FUNCTION:
		return item->verdict == VERDICT_ADDED;
	case ITEM_VARIABLE:
		break;
	case ITEM_STRING:
	case ITEM_CONSTANT:
	case ITEM_TABLE:
		if (item_is_read_only_data(item))
			return true;
		break;
	}
	return item->verdict == VERDICT_ADDED ||
	       (item->verdict == VERDICT_CHANGED &&
		item_is_read_only_data(item));
}

static int take(struct selection *selection, struct candidate *candidate)
{
	struct change_set *set = selection->set;
	struct addition *addition;

	if (!candidate || candidate->taken || !item_is_copied(candidate->item))
		return 0;
	addition = array_append(set->additions, set->nr_additions);
	if (!addition)
		return -ENOMEM;
	candidate->taken = true;
	*addition = (struct addition){ candidate->pair, candidate->item };
	return 0;
}

static int follow(struct selection *selection, const struct item *item)
{
	const struct candidates *all = &selection->candidates;
	int r = 0;

	for (size_t i = 0; i < item->nr_references && !r; i++) {
		const struct item *to = item->references[i].to;

		if (to && to->kind == ITEM_EXTERNAL)
			r = take(selection, candidate_named(all, to->name));
		else
			r = take(selection, candidate_of(all, to));
	}
	return r;
}

static int add_change(struct selection *selection, struct unit_pair *pair,
		      struct item *patched)
{
	struct change_set *set = selection->set;
	struct change *change;

	if (patched->kind != ITEM_FUNCTION ||
	    patched->verdict != VERDICT_CHANGED || !patched->twin ||
	    change_of(set, patched))
		return 0;
	change = array_append(set->changes, set->nr_changes);
	if (!change)
		return -ENOMEM;
	change->pair = pair;
	change->original = patched->twin;
	change->patched = patched;
	return 0;
}

static int add_changes(struct selection *selection)
{
	struct change_set *set = selection->set;
	int r = 0;

	for (size_t i = 0; i < set->nr_pairs; i++) {
		struct unit_pair *pair = &set->pairs[i];

		for (size_t k = 0; pair->original && pair->patched &&
				   k < pair->patched->nr_items && !r;
		     k++)
			r = add_change(selection, pair,
				       pair->patched->items[k]);
	}
	return r;
}

static int follow_all(struct selection *selection)
{
	const struct change_set *set = selection->set;
	int r = 0;

	for (size_t i = 0; i < set->nr_changes && !r; i++)
		r = follow(selection, set->changes[i].patched);
	for (size_t i = 0; i < set->nr_additions && !r; i++)
		r = follow(selection, set->additions[i].patched);
	return r;
}

/* ---- order ------------------------------------------------------------------ */

static int by_place(const struct unit_pair *left_pair, const struct item *left,
		    const struct unit_pair *right_pair,
		    const struct item *right)
{
	if (left_pair != right_pair)
		return left_pair < right_pair ? -1 : 1;
	if (left->section != right->section)
		return left->section < right->section ? -1 : 1;
	if (left->offset != right->offset)
		return left->offset < right->offset ? -1 : 1;
	return strcmp(left->name ?: "", right->name ?: "");
}

static int change_order(const void *a, const void *b)
{
	const struct change *left = a, *right = b;

	return by_place(left->pair, left->patched, right->pair,
			right->patched);
}

static int addition_order(const void *a, const void *b)
{
	const struct addition *left = a, *right = b;

	return by_place(left->pair, left->patched, right->pair,
			right->patched);
}

static void put_in_order(struct change_set *set)
{
	if (set->nr_changes)
		qsort(set->changes, set->nr_changes, sizeof(*set->changes),
		      change_order);
	if (set->nr_additions)
		qsort(set->additions, set->nr_additions,
		      sizeof(*set->additions), addition_order);
}

/* ---- what is not taken -------------------------------------------------------- */

/* Has a name of the source, which nobody but an author gives. */
static bool has_source_name(const struct item *item)
{
	return item->name && (item->kind == ITEM_FUNCTION ||
			      item->kind == ITEM_VARIABLE) &&
	       !strchr(item->name, '.');
}

static int leave_out(struct change_set *set, const struct unit_pair *pair,
		     const struct item *item, const char *why)
{
	char buffer[256];

	return strings_addf(&set->left_out, "%s (%s) %s",
			    item_describe(item, buffer, sizeof(buffer)),
			    pair->name, why);
}

/* Functions are told of by the judge. */
static int leave_out_new(struct selection *selection,
			 const struct unit_pair *pair)
{
	int r = 0;

	for (size_t i = 0; i < pair->patched->nr_items && !r; i++) {
		const struct item *item = pair->patched->items[i];

		if (item->verdict == VERDICT_ADDED &&
		    item->kind == ITEM_VARIABLE && has_source_name(item) &&
		    !candidate_of(&selection->candidates, item)->taken)
			r = leave_out(selection->set, pair, item,
				      "is new: nothing that changed uses it");
	}
	return r;
}

static int leave_out_gone(struct change_set *set, const struct unit_pair *pair)
{
	int r = 0;

	for (size_t i = 0; i < pair->original->nr_items && !r; i++) {
		const struct item *item = pair->original->items[i];

		if (item->verdict == VERDICT_REMOVED &&
		    item->kind == ITEM_FUNCTION && has_source_name(item))
			r = leave_out(set, pair, item,
				      "is gone: what holds its address still "
				      "runs it");
	}
	return r;
}

static int leave_out_rest(struct selection *selection)
{
	struct change_set *set = selection->set;
	int r = 0;

	for (size_t i = 0; i < set->nr_pairs && !r; i++) {
		if (set->pairs[i].patched)
			r = leave_out_new(selection, &set->pairs[i]);
		if (set->pairs[i].original && !r)
			r = leave_out_gone(set, &set->pairs[i]);
	}
	return r;
}

static int run(struct selection *selection)
{
	struct change_set *set = selection->set;
	int r;

	mark_unpaired(set);
	r = candidates_collect(set, &selection->candidates);
	if (!r)
		r = select_constants(set, &selection->candidates);
	if (!r)
		r = add_changes(selection);
	if (!r)
		r = follow_all(selection);
	if (!r)
		r = leave_out_rest(selection);
	if (!r)
		r = select_reasons(set);
	put_in_order(set);
	candidates_release(&selection->candidates);
	return r;
}

int select_changes(struct change_set *set, struct hf_diag *diag)
{
	struct selection selection = { .set = set };
	int r = run(&selection);

	return r ? hf_fail(diag, r, "cannot select what the patch needs") : 0;
}
