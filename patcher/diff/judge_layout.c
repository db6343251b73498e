/*
 * Layouts of types whose objects live in the process.
 *
 * In each object that the patch takes something of, every type that both
 * versions know is compared by name; a type that only one of them knows has no
 * objects that the other could meet. Where an object is new, its types may be
 * those of any other, so all that differ are compared.
 */
#include <dwarf.h>
#include <errno.h>
#include <string.h>

#include "judge_parts.h"
#include "live_types.h"

struct layout_findings {
	struct strings lines;
	char *first; /* the name of the first type */
};

/* ---- names -------------------------------------------------------------- */

static const char *without_kind(const char *name)
{
	static const char *const words[] = { "struct ", "union ", "class ",
					     "enum ", "enumerator " };

	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
		if (!strncmp(name, words[i], strlen(words[i])))
			return name + strlen(words[i]);
	return name;
}

/* "struct foo" may be called so, or "foo"; " of f()" may be left out. */
static bool is_called(const char *name, const char *word)
{
	const char *bare = without_kind(name);
	size_t size;

	if (word == without_kind(word))
		name = bare;
	size = strlen(word);
	return !strncmp(name, word, size) &&
	       (!name[size] || !strncmp(name + size, " of ", 4) ||
		!strncmp(name + size, " in ", 4) ||
		!strncmp(name + size, " (", 2));
}

static bool is_allowed(struct judge *judge, const char *name)
{
	const struct strings *allowed = &judge->build->options->allow_layout;
	bool is = false;

	for (size_t i = 0; i < allowed->nr; i++)
		if (is_called(name, allowed->items[i]))
			is = judge->layout_used[i] = true;
	return is;
}

/* ---- one type ----------------------------------------------------------- */

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/* libdw has no name for file 0 of DWARF 5, which is the unit's own source. */
static const char *declaring_file(Dwarf_Die *die)
{
	const char *file = dwarf_decl_file(die);
	Dwarf_Die unit;

	if (file || !dwarf_hasattr(die, DW_AT_decl_file) ||
	    die_number(die, DW_AT_decl_file) ||
	    !dwarf_diecu(die, &unit, NULL, NULL))
		return file;
	return dwarf_diename(&unit);
}

static char *place_text(const struct live_type *type)
{
	Dwarf_Die die = type->die;
	const char *file = declaring_file(&die);
	int line = 0;

	if (!file)
		return strdup("");
	dwarf_decl_line(&die, &line);
	return text_format(" (%s:%d)", base_name(file), line);
}

static int add_finding(struct judge *judge, const struct live_type *type,
		       const char *difference, struct layout_findings *found)
{
	owned(free_p) char *place = place_text(type);
	owned(free_p) char *line = NULL;

	if (!place)
		return -ENOMEM;
	line = text_format("%s%s: %s", type->name, place, difference);
	if (!line || judge_add_once(&judge->layout_names, type->name))
		return -ENOMEM;
	if (is_allowed(judge, type->name))
		return judge_override(judge,
				      "--allow-layout: stated that no %s lives "
				      "while no thread is in what is replaced; "
				      "%s",
				      type->name, difference);
	if (!found->first && !(found->first = strdup(type->name)))
		return -ENOMEM;
	return judge_add_once(&found->lines, line);
}

static bool fits(const struct live_type *old, const struct live_type *new,
		 struct live_difference *ret_difference)
{
	Dwarf_Die left = old->die, right = new->die;

	*ret_difference = (struct live_difference){ 0 };
	if (old->is_constant != new->is_constant)
		return false;
	if (!old->is_constant && (dwarf_tag(&left) == DW_TAG_variable ||
				  dwarf_tag(&right) == DW_TAG_variable))
		return live_value_fits(&left, &right, ret_difference);
	if (!old->is_constant)
		return live_type_fits(&left, &right, ret_difference);
	snprintf(ret_difference->text, sizeof(ret_difference->text),
		 "it is %ld, in the patched source %ld", old->value,
		 new->value);
	return old->value == new->value;
}

/*
 * "struct foo" may have been "foo", a typedef of a structure without a name.
 * Only asked for what is new, of which there is little.
 */
static const struct live_type *find_old(const struct live_types *olds,
					const char *name)
{
	const struct live_type *old = live_types_find(olds, name);

	for (size_t i = 0; i < olds->nr && !old; i++)
		if (!strcmp(without_kind(olds->items[i].name),
			    without_kind(name)))
			old = &olds->items[i];
	return old;
}

/* Blocks of one function may have types of one name: any of them will do. */
static int compare(struct judge *judge, const struct live_types *olds,
		   const struct live_type *new, struct layout_findings *found)
{
	const struct live_type *first = find_old(olds, new->name);
	const struct live_type *end = olds->items + olds->nr;
	struct live_difference difference = { 0 }, told = { 0 };

	if (!first)
		return 0;
	for (const struct live_type *old = first;
	     old < end && !strcmp(old->name, first->name); old++) {
		if (fits(old, new, &difference))
			return 0;
		if (old == first)
			told = difference;
	}
	return add_finding(judge, first,
			   *told.text ? told.text : "it is another type",
			   found);
}

/* ---- units -------------------------------------------------------------- */

static int refuse_unknown(const struct judge *judge,
			  const struct unit_pair *pair, struct hf_diag *diag)
{
	hf_refuse(diag, "no-debuginfo",
		  "%s was compiled without debug information: nobody can tell "
		  "whether its types kept their layout",
		  judge_source(judge, pair));
	hf_hint(diag, "does the build strip objects, or set -g0? keep -g");
	return -ECANCELED;
}

static int compare_units(struct judge *judge, const struct unit_pair *pair,
			 struct layout_findings *found)
{
	struct live_types olds = { 0 }, news = { 0 };
	int r = live_types_collect(pair->original, &olds);

	if (!r)
		r = live_types_collect(pair->patched, &news);
	for (size_t i = 0; i < news.nr && !r; i++)
		r = compare(judge, &olds, &news.items[i], found);
	live_types_release(&olds);
	live_types_release(&news);
	return r;
}

static int judge_pair(struct judge *judge, const struct unit_pair *pair,
		      bool is_touched, struct layout_findings *found,
		      struct hf_diag *diag)
{
	if (!pair->original || !pair->patched)
		return 0;
	if (!debuginfo_dwarf(pair->original->debuginfo) ||
	    !debuginfo_dwarf(pair->patched->debuginfo))
		return is_touched ? refuse_unknown(judge, pair, diag) : 0;
	return compare_units(judge, pair, found);
}

static bool has_new_objects(const struct change_set *set)
{
	for (size_t i = 0; i < set->nr_additions; i++)
		if (!set->additions[i].pair->original)
			return true;
	return false;
}

static int refuse(const struct judge *judge,
		  const struct layout_findings *found, struct hf_diag *diag)
{
	hf_refuse(diag, "layout-changed",
		  "the diff changes the layout of types that running %s holds "
		  "objects of",
		  judge->build->target ? judge->build->target->name :
					 "processes");
	judge_list(&found->lines, diag);
	hf_hint(diag, "objects that live were made by the old layout, and so "
		      "were their allocations: keep it, and hold what is new "
		      "in a variable or a table of its own");
	hf_hint(diag,
		"if no such object can be alive while no thread is inside "
		"what is replaced, state it: --allow-layout '%s'",
		found->first);
	return -ECANCELED;
}

int judge_layouts(struct judge *judge, struct hf_diag *diag)
{
	struct layout_findings found = { 0 };
	bool all = has_new_objects(judge->set);
	int r = 0;

	for (size_t i = 0; i < judge->set->nr_pairs && !r; i++) {
		const struct unit_pair *pair = &judge->set->pairs[i];
		bool is_touched = pair_is_touched(judge->set, pair);

		if (is_touched || all)
			r = judge_pair(judge, pair, is_touched, &found, diag);
	}
	if (!r && found.lines.nr)
		r = refuse(judge, &found, diag);
	strings_release(&found.lines);
	free(found.first);
	return r;
}
