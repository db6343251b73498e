/*
 * Why code changed whose own source did not: what is inlined into it did.
 *
 * The diff says which lines changed; DWARF says from which line to which a
 * function reaches, and what is inlined where:
 *
 *	 20  static int limit(int x)       changed lines: 22
 *	 21  {
 *	 22          return x > 10 ? …       limit() reaches from 20 to 23, f() from
 *	 23  }                             30 to 34 and has limit() inlined
 *	 30  int f(int x)
 *	 …                                 f(): changed because of limit()
 *
 * A function reaches from its declaration to the last line that has code,
 * before anything else is declared. The lines are those of the original source.
 * This is for people only, and said only where f's own lines are untouched;
 * otherwise the reason stays what the comparison found.
 */
#include <dwarf.h>
#include <errno.h>
#include <string.h>

#include "select_parts.h"

#define DEPTH_MAX 256

/* What a unit declares at its top. */
struct declared {
	const char *file;
	int line;
	int end; /* last line with code; 0: none */
	const char *function; /* NULL: it is none */
};

struct why_search {
	const struct change_set *set;
	struct declared *declared; /* by file and line */
	size_t nr_declared;
	struct strings names; /* of what is inlined into one function */
};

/* ---- from where to where functions reach ------------------------------------ */

static int by_line(const void *a, const void *b)
{
	const struct declared *left = a, *right = b;
	int r = strcmp(left->file, right->file);

	if (r)
		return r;
	if (left->line != right->line)
		return left->line < right->line ? -1 : 1;
	/* Functions last: that is where a line of code is looked for. */
	return (left->function != NULL) - (right->function != NULL);
}

static int add_declared(struct why_search *search, Dwarf_Die *die)
{
	struct declared *declared;
	const char *file = dwarf_decl_file(die);
	int line = 0;

	if (!file || dwarf_decl_line(die, &line) || !line)
		return 0;
	declared = array_append(search->declared, search->nr_declared);
	if (!declared)
		return -ENOMEM;
	*declared = (struct declared){ .file = file, .line = line };
	if (dwarf_tag(die) == DW_TAG_subprogram)
		declared->function = dwarf_diename(die);
	return 0;
}

/* The last that is declared at or before a line. */
static struct declared *declared_before(struct why_search *search,
					const char *file, int line)
{
	size_t low = 0, high = search->nr_declared;
	struct declared *found;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		const struct declared *at = &search->declared[middle];
		int r = strcmp(at->file, file);

		if (r < 0 || (!r && at->line <= line))
			low = middle + 1;
		else
			high = middle;
	}
	found = low ? &search->declared[low - 1] : NULL;
	return found && !strcmp(found->file, file) ? found : NULL;
}

static void stretch(struct why_search *search, Dwarf_Die *unit)
{
	Dwarf_Lines *lines;
	size_t nr;

	if (dwarf_getsrclines(unit, &lines, &nr))
		return;
	for (size_t i = 0; i < nr; i++) {
		Dwarf_Line *row = dwarf_onesrcline(lines, i);
		const char *file = dwarf_linesrc(row, NULL, NULL);
		struct declared *declared;
		int line;

		if (!file || dwarf_lineno(row, &line) || !line)
			continue;
		declared = declared_before(search, file, line);
		if (declared && line > declared->end)
			declared->end = line;
	}
}

typedef int die_fn(struct why_search *search, Dwarf_Die *die);

static int each_unit(const struct unit *unit, struct why_search *search,
		     die_fn *function)
{
	Dwarf *dwarf = debuginfo_dwarf(unit->debuginfo);
	Dwarf_CU *cu = NULL;
	Dwarf_Die die;
	int r = 0;

	while (!r && dwarf &&
	       !dwarf_get_units(dwarf, cu, &cu, NULL, NULL, &die, NULL))
		if (dwarf_tag(&die) == DW_TAG_compile_unit)
			r = function(search, &die);
	return r;
}

static int add_all_declared(struct why_search *search, Dwarf_Die *unit)
{
	Dwarf_Die die;
	int r = 0;

	if (dwarf_child(unit, &die))
		return 0;
	do {
		r = add_declared(search, &die);
	} while (!r && !dwarf_siblingof(&die, &die));
	return r;
}

static int stretch_all(struct why_search *search, Dwarf_Die *unit)
{
	stretch(search, unit);
	return 0;
}

static int find_extents(struct why_search *search, const struct unit *unit)
{
	int r = each_unit(unit, search, add_all_declared);

	if (r || !search->nr_declared)
		return r;
	qsort(search->declared, search->nr_declared,
	      sizeof(*search->declared), by_line);
	return each_unit(unit, search, stretch_all);
}

/* ---- what the diff touches ---------------------------------------------------- */

static bool is_touched_by(const struct line_change *change, int start, int end)
{
	int64_t first = change->old;
	int64_t last = first + change->nr_old - 1;

	/* Only added: before line `old`. */
	if (!change->nr_old)
		return start < first && first <= end;
	return first <= end && last >= start;
}

static bool is_touched(const struct why_search *search,
		       const struct declared *declared)
{
	const struct source_changes *sources = &search->set->sources;

	for (size_t i = 0; i < sources->nr; i++) {
		const struct source_change *change = &sources->items[i];

		if (!source_matches(declared->file, change->path))
			continue;
		for (size_t k = 0; k < change->nr_lines; k++)
			if (is_touched_by(&change->lines[k], declared->line,
					  declared->end))
				return true;
	}
	return false;
}

enum touched { TOUCHED_UNKNOWN, TOUCHED_NOT, TOUCHED };

static enum touched function_touched(const struct why_search *search,
				     const char *name)
{
	enum touched result = TOUCHED_UNKNOWN;

	for (size_t i = 0; i < search->nr_declared; i++) {
		const struct declared *declared = &search->declared[i];

		if (!declared->function || !declared->end ||
		    strcmp(declared->function, name))
			continue;
		if (is_touched(search, declared))
			return TOUCHED;
		result = TOUCHED_NOT;
	}
	return result;
}

/* ---- what is inlined ------------------------------------------------------------ */

static bool has_name(const struct strings *names, const char *name)
{
	for (size_t i = 0; i < names->nr; i++)
		if (!strcmp(names->items[i], name))
			return true;
	return false;
}

static int add_inlined(struct why_search *search, Dwarf_Die *parent,
		       unsigned int depth)
{
	Dwarf_Die die;
	int r = 0;

	if (depth > DEPTH_MAX || dwarf_child(parent, &die))
		return 0;
	do {
		const char *name = dwarf_diename(&die);
		int tag = dwarf_tag(&die);

		if (tag == DW_TAG_inlined_subroutine && name &&
		    !has_name(&search->names, name))
			r = strings_add(&search->names, name);
		if (!r && (tag == DW_TAG_inlined_subroutine ||
			   tag == DW_TAG_lexical_block))
			r = add_inlined(search, &die, depth + 1);
	} while (!r && !dwarf_siblingof(&die, &die));
	return r;
}

/* "f" of "f.constprop.0". */
static bool is_named(const char *source_name, const char *symbol)
{
	size_t size = strcspn(symbol, ".");

	return source_name && strlen(source_name) == size &&
	       !strncmp(source_name, symbol, size);
}

static int find_inlined(struct why_search *search, const struct unit *unit,
			const char *symbol)
{
	Dwarf *dwarf = debuginfo_dwarf(unit->debuginfo);
	Dwarf_CU *cu = NULL;
	Dwarf_Die top, die;
	int r = 0;

	while (!r && dwarf &&
	       !dwarf_get_units(dwarf, cu, &cu, NULL, NULL, &top, NULL)) {
		if (dwarf_child(&top, &die))
			continue;
		do {
			if (dwarf_tag(&die) == DW_TAG_subprogram &&
			    is_named(dwarf_diename(&die), symbol))
				r = add_inlined(search, &die, 0);
		} while (!r && !dwarf_siblingof(&die, &die));
	}
	return r;
}

/* ---- reasons ---------------------------------------------------------------------- */

/* Those of the names whose own source the diff touches. */
static int list_touched(const struct why_search *search, char **ret_list)
{
	struct strings touched = { 0 };
	int r = 0;

	for (size_t i = 0; i < search->names.nr && !r; i++)
		if (function_touched(search, search->names.items[i]) == TOUCHED)
			r = strings_addf(&touched, "%s()",
					 search->names.items[i]);
	*ret_list = NULL;
	if (!r && touched.nr && !(*ret_list = strings_join(&touched)))
		r = -ENOMEM;
	strings_release(&touched);
	return r;
}

static int give_reason(const struct change *change, char *list)
{
	char *copy = strdup(list);

	if (!copy) {
		free(list);
		return -ENOMEM;
	}
	free(change->original->detail);
	free(change->patched->detail);
	change->original->detail = list;
	change->patched->detail = copy;
	change->original->why = change->patched->why = WHY_INLINED;
	return 0;
}

static bool may_be_inlined(enum why why)
{
	return why == WHY_CODE || why == WHY_REFERENCE || why == WHY_CONSTANT ||
	       why == WHY_COLD;
}

static int explain(struct why_search *search, const struct change *change)
{
	const char *symbol = change->original->name;
	char *list = NULL, *name;
	enum touched own;
	int r;

	if (!may_be_inlined(change->patched->why) || !symbol)
		return 0;
	name = strndup(symbol, strcspn(symbol, "."));
	if (!name)
		return -ENOMEM;
	own = function_touched(search, name);
	free(name);
	if (own != TOUCHED_NOT)
		return 0;
	strings_release(&search->names);
	r = find_inlined(search, change->pair->original, symbol);
	if (!r)
		r = find_inlined(search, change->pair->patched,
				 change->patched->name);
	if (!r)
		r = list_touched(search, &list);
	return !r && list ? give_reason(change, list) : r;
}

static int explain_pair(struct change_set *set, const struct unit_pair *pair)
{
	struct why_search search = { .set = set };
	int r = find_extents(&search, pair->original);

	for (size_t i = 0; i < set->nr_changes && !r; i++)
		if (set->changes[i].pair == pair)
			r = explain(&search, &set->changes[i]);
	strings_release(&search.names);
	free(search.declared);
	return r;
}

int select_reasons(struct change_set *set)
{
	int r = 0;

	for (size_t i = 0; set->sources.nr && i < set->nr_pairs && !r; i++)
		if (set->pairs[i].original && set->pairs[i].patched)
			r = explain_pair(set, &set->pairs[i]);
	return r;
}
