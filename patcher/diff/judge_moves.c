/*
 * Functions that the program takes from another object than before.
 *
 *	target		f() of a.o	  called by c.o
 *	patched		f() of b.o	  called by c.o, whose bytes are the same
 *
 * So it is when a function moves, and when a weak one is overridden or comes
 * back. Replaced are functions whose object has both versions: the target's f()
 * stays, and the new one is an addition that only replaced code calls. Who else
 * calls f() would go on with the old one.
 *
 * Two weak definitions are taken for copies of one inline function.
 */
#include <errno.h>
#include <string.h>

#include "judge_parts.h"

static bool is_global_function(const struct item *item)
{
	return item->kind == ITEM_FUNCTION && item->name &&
	       item->binding != STB_LOCAL;
}

static bool is_in_target(const struct build *build, const char *name)
{
	for (size_t i = 0; i < build->symbols.nr_code; i++)
		if (!strcmp(build->symbols.code[i]->name, name))
			return true;
	return false;
}

static bool is_moved(const struct definition *old, const struct definition *new)
{
	if (!old->name || !new->name || (old->weak && new->weak))
		return false;
	if (old->item && new->item)
		return old->item->twin != new->item;
	/* Of objects that stay there is one strong definition, or none. */
	return old->item || new->item;
}

static int add_finding(const struct judge *judge, const char *name,
		       const struct definition *old,
		       const struct definition *new, const char *user,
		       struct strings *found)
{
	owned(free_p) char *line = text_format(
		"%s(): of %s, in the patched source of %s; %s calls it", name,
		old->pair ? judge_source(judge, old->pair) : old->name,
		new->pair ? judge_source(judge, new->pair) : new->name, user);

	return line ? judge_add_once(found, line) : -ENOMEM;
}

static int judge_name(const struct judge *judge, const char *name,
		      struct strings *found, struct hf_diag *diag)
{
	struct definition old, new;
	const char *user = NULL;
	int r;

	if (!is_in_target(judge->build, name))
		return 0;
	r = judge_find_definition(judge, name, false, &old, diag);
	if (!r)
		r = judge_find_definition(judge, name, true, &new, diag);
	if (r || !is_moved(&old, &new))
		return r;
	r = judge_find_user(judge, name, &user, diag);
	if (!r && !user && judge->build->target->kind == TARGET_LIBRARY &&
	    judge_is_exported(judge, name))
		user = "who loads the library";
	return r || !user ? r :
			    add_finding(judge, name, &old, &new, user, found);
}

/* What is new, or gone, may be so by a move. */
static int judge_unit(const struct judge *judge, const struct unit *unit,
		      enum verdict verdict, struct strings *found,
		      struct hf_diag *diag)
{
	int r = 0;

	for (size_t i = 0; unit && i < unit->nr_items && !r; i++)
		if (unit->items[i]->verdict == verdict &&
		    is_global_function(unit->items[i]))
			r = judge_name(judge, unit->items[i]->name, found,
				       diag);
	return r;
}

static int refuse(const struct strings *found, struct hf_diag *diag)
{
	hf_refuse(diag, "definition-moved",
		  "the diff takes functions from another file than before, and "
		  "code that stays would go on calling the old ones");
	judge_list(found, diag);
	hf_hint(diag, "change the function where it is, and move it with the "
		      "next release");
	hf_hint(diag, "or give the new one another name, and call that one from "
		      "what the diff changes");
	return -ECANCELED;
}

/* ---- changes that the target does not have ------------------------------ */

/* A weak function that a strong one of another object stands in for. */
static int find_overriding(const struct judge *judge,
			   const struct change *change,
			   struct definition *ret_definition,
			   struct hf_diag *diag)
{
	const struct item *item = change->original;
	int r;

	*ret_definition = (struct definition){ 0 };
	if (item->binding != STB_WEAK || item->nr_aliases)
		return 0;
	r = judge_find_definition(judge, item->name, false, ret_definition,
				  diag);
	if (ret_definition->weak || ret_definition->item == item)
		ret_definition->name = NULL;
	return r;
}

static int leave_out_overridden(struct judge *judge, struct hf_diag *diag)
{
	struct change_set *set = judge->set;
	size_t kept = 0;
	int r = 0;

	for (size_t i = 0; i < set->nr_changes && !r; i++) {
		const struct change *change = &set->changes[i];
		struct definition instead;

		r = find_overriding(judge, change, &instead, diag);
		if (r || !instead.name)
			set->changes[kept++] = *change;
		else
			r = strings_addf(&set->left_out,
					 "%s() (%s) is weak, and %s overrides "
					 "it: the program has no use of it",
					 change->original->name,
					 judge_source(judge, change->pair),
					 instead.pair ?
						 judge_source(judge,
							      instead.pair) :
						 instead.name);
	}
	if (!r)
		set->nr_changes = kept;
	return r;
}

int judge_moves(struct judge *judge, struct hf_diag *diag)
{
	struct strings found = { 0 };
	int r = leave_out_overridden(judge, diag);

	for (size_t i = 0; i < judge->set->nr_pairs && !r; i++) {
		const struct unit_pair *pair = &judge->set->pairs[i];

		r = judge_unit(judge, pair->original, VERDICT_REMOVED, &found,
			       diag);
		if (!r)
			r = judge_unit(judge, pair->patched, VERDICT_ADDED,
				       &found, diag);
	}
	if (!r && found.nr)
		r = refuse(&found, diag);
	strings_release(&found);
	return r;
}
