#include "noise.h"

#include <dwarf.h>
#include <errno.h>
#include <string.h>

#include "choose.h"
#include "compare.h"
#include "correlate.h"
#include "judge_parts.h"
#include "optimised.h"
#include "rebuild.h"

/* ---- what the diff reaches ---------------------------------------------- */

static bool is_changed_file(const struct change_set *set, const char *path)
{
	for (size_t i = 0; path && i < set->sources.nr; i++)
		if (path_ends_with(path, set->sources.items[i].path))
			return true;
	return false;
}

static bool has_changed_file(const struct change_set *set, Dwarf_Die *unit)
{
	Dwarf_Files *files;
	size_t nr;

	if (dwarf_getsrcfiles(unit, &files, &nr))
		return false;
	for (size_t i = 0; i < nr; i++)
		if (is_changed_file(set, dwarf_filesrc(files, i, NULL, NULL)))
			return true;
	return false;
}

/* Without debug information nobody knows. */
static bool unit_is_reached(const struct change_set *set,
			    const struct unit *unit)
{
	Dwarf *dwarf = debuginfo_dwarf(unit->debuginfo);
	Dwarf_CU *cu = NULL;
	bool reached = !dwarf;
	Dwarf_Die die;

	while (!reached && !dwarf_get_units(dwarf, cu, &cu, NULL, NULL, &die,
					    NULL))
		reached = has_changed_file(set, &die);
	return reached;
}

static bool is_compiled(const struct recording *recording, const char *path)
{
	for (size_t i = 0; i < recording->nr_compiles; i++)
		if (recording->compiles[i].source &&
		    path_ends_with(recording->compiles[i].source, path))
			return true;
	return false;
}

/* A header that has macros only is in nobody's debug information. */
static bool reaches_unseen(const struct build *build,
			   const struct change_set *set)
{
	for (size_t i = 0; i < set->sources.nr; i++)
		if (!is_compiled(&build->rebuilds->patched,
				 set->sources.items[i].path))
			return true;
	return false;
}

/*
 * A source that the build makes itself does not say what from, and counts as
 * reached. That costs precision at most, and saves most a third build.
 */
static bool is_reached(const struct build *build, const struct change_set *set,
		       const struct unit_pair *pair)
{
	const struct compile *compile = pair->patched_compile;

	return !compile || !compile->source || reaches_unseen(build, set) ||
	       is_changed_file(set, compile->source) ||
	       rebuilds_generate(build->rebuilds, compile->source) ||
	       unit_is_reached(set, pair->original) ||
	       unit_is_reached(set, pair->patched);
}

/* ---- what may be noise --------------------------------------------------- */

static bool is_changed_variable(const struct item *item)
{
	return item->kind == ITEM_VARIABLE && item->twin && item->writable &&
	       item->verdict == VERDICT_CHANGED;
}

static bool has_changed_variable(const struct unit *unit)
{
	for (size_t i = 0; i < unit->nr_items; i++)
		if (is_changed_variable(unit->items[i]))
			return true;
	return false;
}

static bool is_suspicious(const struct build *build,
			  const struct change_set *set,
			  const struct unit_pair *pair)
{
	return pair->original && pair->patched && pair_differs(pair) &&
	       (has_changed_variable(pair->original) ||
		!is_reached(build, set, pair));
}

/* ---- three builds of one object ------------------------------------------ */

/* Their items have the same indices as the pair's. */
struct triple {
	struct unit *original, *patched; /* opened once more */
	struct unit *again, *again_too;	 /* compared with the one, the other */
};

static void triple_close(struct triple *triple)
{
	unit_close_p(&triple->original);
	unit_close_p(&triple->patched);
	unit_close_p(&triple->again);
	unit_close_p(&triple->again_too);
}

static int open_compared(const struct unit *left, const char *right,
			 struct unit **ret_left, struct unit **ret_right,
			 struct hf_diag *diag)
{
	int (*open)(const char *, struct unit **, struct hf_diag *) =
		left->optimised ? unit_open_optimised : unit_open;
	int r = open(left->path, ret_left, diag);

	if (!r)
		r = open(right, ret_right, diag);
	if (!r)
		r = correlate_units(*ret_left, *ret_right, diag);
	return r ?: compare_units(*ret_left, *ret_right, diag);
}

static int triple_open(const struct unit_pair *pair, const char *again,
		       struct triple *triple, struct hf_diag *diag)
{
	int r = open_compared(pair->original, again, &triple->original,
			      &triple->again, diag);

	return r ?: open_compared(pair->patched, again, &triple->patched,
				  &triple->again_too, diag);
}

/* ---- all that differs in an object --------------------------------------- */

static bool differs_in(const struct unit *unit, size_t index)
{
	return index < unit->nr_items &&
	       unit->items[index]->verdict == VERDICT_CHANGED;
}

static bool is_named(const struct item *item)
{
	return item->kind == ITEM_FUNCTION || item->kind == ITEM_COLD ||
	       item->kind == ITEM_VARIABLE;
}

/* Literals and tables count by what refers to them. */
static bool only_noise(const struct unit *unit, const struct unit *compared)
{
	for (size_t i = 0; i < unit->nr_items; i++) {
		const struct item *item = unit->items[i];

		if (is_named(item) && item->verdict != VERDICT_SAME &&
		    (item->verdict != VERDICT_CHANGED ||
		     !differs_in(compared, i)))
			return false;
	}
	return true;
}

static int note_noise(struct change_set *set, const char *what)
{
	return strings_addf(&set->left_out,
			    "%s: every build makes it anew, also of the "
			    "unchanged source",
			    what);
}

static void make_same(struct unit *unit)
{
	for (size_t i = 0; i < unit->nr_items; i++) {
		unit->items[i]->verdict = VERDICT_SAME;
		unit->items[i]->why = WHY_NOT;
	}
}

static int drop_object(struct change_set *set, const struct unit_pair *pair)
{
	make_same(pair->original);
	make_same(pair->patched);
	return note_noise(set, pair->name);
}

/* ---- single variables ---------------------------------------------------- */

static size_t index_of(const struct unit *unit, const struct item *item)
{
	size_t i = 0;

	while (i < unit->nr_items && unit->items[i] != item)
		i++;
	return i;
}

static bool variable_is_noise(const struct unit_pair *pair,
			      const struct triple *triple, size_t index)
{
	const struct item *item = pair->original->items[index];
	const struct item *again;

	if (!is_changed_variable(item) ||
	    !differs_in(triple->original, index) ||
	    !differs_in(triple->patched, index_of(pair->patched, item->twin)))
		return false;
	again = triple->original->items[index]->twin;
	return again && noise_explains(item, item->twin, again);
}

static int leave_variables(struct change_set *set,
			   const struct unit_pair *pair,
			   const struct triple *triple)
{
	int r = 0;

	for (size_t i = 0; i < pair->original->nr_items && !r; i++) {
		struct item *item = pair->original->items[i];
		char words[256], what[512];

		if (!variable_is_noise(pair, triple, i))
			continue;
		item->verdict = item->twin->verdict = VERDICT_SAME;
		item->why = item->twin->why = WHY_NOT;
		snprintf(what, sizeof(what), "%s (%s)",
			 item_describe(item, words, sizeof(words)), pair->name);
		r = note_noise(set, what);
	}
	return r;
}

/* ---- all objects --------------------------------------------------------- */

/* NULL: it was not made, or is not linked as an object of its own. */
static const char *object_again(const struct link_step *link, const char *name)
{
	for (size_t i = 0; i < link->nr_inputs; i++)
		if (!link->inputs[i].optimised &&
		    !strcmp(link->inputs[i].name, name))
			return link->inputs[i].object;
	return NULL;
}

/* Owned by the caller; NULL as above. */
static int path_again(const struct link_step *link,
		      const struct unit_pair *pair, char **ret_path,
		      struct hf_diag *diag)
{
	const char *path;

	if (pair->original->optimised)
		return link->optimised.nr ?
			       optimised_merge(link, ret_path, diag) :
			       0;
	path = object_again(link, pair->name);
	*ret_path = path ? strdup(path) : NULL;
	return path && !*ret_path ?
		       hf_fail(diag, -ENOMEM, "cannot compare %s", pair->name) :
		       0;
}

static int judge_pair(struct build *build, struct change_set *set,
		      const struct unit_pair *pair, const char *again,
		      struct hf_diag *diag)
{
	struct triple triple = { 0 };
	int r = triple_open(pair, again, &triple, diag);

	if (!r && !is_reached(build, set, pair) &&
	    only_noise(pair->original, triple.original) &&
	    only_noise(pair->patched, triple.patched))
		r = drop_object(set, pair);
	else if (!r)
		r = leave_variables(set, pair, &triple);
	triple_close(&triple);
	return r == -ENOMEM ? hf_fail(diag, r, "cannot compare %s",
				      pair->name) :
			      r;
}

static int judge_pairs(struct build *build, struct change_set *set,
		       const struct link_step *link, struct hf_diag *diag)
{
	int r = 0;

	for (size_t i = 0; i < set->nr_pairs && !r; i++) {
		const struct unit_pair *pair = &set->pairs[i];
		owned(free_p) char *again = NULL;

		if (!is_suspicious(build, set, pair))
			continue;
		r = path_again(link, pair, &again, diag);
		if (!r && again)
			r = judge_pair(build, set, pair, again, diag);
	}
	return r;
}

int noise_remove(struct build *build, struct change_set *set,
		 struct hf_diag *diag)
{
	const struct link_step *link;
	bool suspicious = false;
	int r;

	for (size_t i = 0; i < set->nr_pairs && !suspicious; i++)
		suspicious = is_suspicious(build, set, &set->pairs[i]);
	if (!suspicious)
		return 0;
	r = rebuild_unchanged(build->rebuilds, &build->warnings, diag);
	if (r)
		return r;
	link = choose_same(&build->rebuilds->again, set->link);
	return link ? judge_pairs(build, set, link, diag) : 0;
}
