#include "inlines.h"

#include <dwarf.h>
#include <errno.h>
#include <string.h>

#include "callers.h"
#include "replaced.h"

#define LISTED_MAX 12

/* A function whose copies are looked for. */
struct wanted {
	const char *name;
	bool has_die;
	Dwarf_Off abstract; /* the instance that inlined copies refer to */
	const char *file;
	int line;
	/* What was found in functions that are not replaced. */
	struct strings copies;
	size_t nr_harmless; /* in functions that are */
};

struct search {
	const struct build *build;
	struct wanted *wanted;
	size_t nr;
};

/* ---- DW_TAG_inlined_subroutine ------------------------------------------ */

static void set_abstract(struct wanted *wanted, Dwarf_Die *die)
{
	Dwarf_Attribute attribute;
	Dwarf_Die origin = *die;

	if (dwarf_attr(die, DW_AT_abstract_origin, &attribute))
		dwarf_formref_die(&attribute, &origin);
	wanted->has_die = true;
	wanted->abstract = dwarf_dieoffset(&origin);
	wanted->file = dwarf_decl_file(&origin);
	dwarf_decl_line(&origin, &wanted->line);
}

/*
 * A function of a header exists once in every unit that includes it: such
 * copies have another abstract instance, of the same place in the source.
 */
static bool is_instance_of(const struct wanted *wanted, Dwarf_Die *origin)
{
	const char *name, *file;
	int line = 0;

	if (!wanted->has_die)
		return false;
	if (dwarf_dieoffset(origin) == wanted->abstract)
		return true;
	name = dwarf_diename(origin);
	file = dwarf_decl_file(origin);
	return name && !strcmp(name, wanted->name) && file && wanted->file &&
	       !strcmp(file, wanted->file) &&
	       !dwarf_decl_line(origin, &line) && line == wanted->line;
}

static bool is_replaced(const struct build *build, Dwarf_Die *function)
{
	Dwarf_Addr base, start, end;
	ptrdiff_t position = 0;

	while ((position = dwarf_ranges(function, position, &base, &start,
					&end)) > 0)
		if (build_replacement_at(build, start))
			return true;
	return false;
}

static const char *base_name(const char *path)
{
	const char *slash = path ? strrchr(path, '/') : NULL;

	return slash ? slash + 1 : path;
}

/* Where the call stood in the source: "pay.c:17". */
static int add_copy(struct wanted *wanted, Dwarf_Die *inlined,
		    Dwarf_Die *caller)
{
	Dwarf_Attribute attribute;
	Dwarf_Word line = 0, file_index = 0;
	Dwarf_Files *files;
	size_t nr;
	Dwarf_Die unit;
	const char *file = NULL;

	dwarf_formudata(dwarf_attr(inlined, DW_AT_call_line, &attribute),
			&line);
	dwarf_formudata(dwarf_attr(inlined, DW_AT_call_file, &attribute),
			&file_index);
	if (dwarf_diecu(caller, &unit, NULL, NULL) &&
	    !dwarf_getsrcfiles(&unit, &files, &nr) && file_index < nr)
		file = dwarf_filesrc(files, file_index, NULL, NULL);
	return strings_addf(&wanted->copies, "inlined into %s() at %s:%lu",
			    dwarf_diename(caller) ?: "?",
			    base_name(file) ?: "?", line);
}

/* @inside: the function whose inlined copy @die stands in, or NULL. */
static int check_inlined(struct search *search, Dwarf_Die *die,
			 Dwarf_Die *caller, const struct wanted **inside)
{
	Dwarf_Attribute attribute;
	Dwarf_Die origin;

	if (!dwarf_attr(die, DW_AT_abstract_origin, &attribute) ||
	    !dwarf_formref_die(&attribute, &origin))
		return 0;
	for (size_t i = 0; i < search->nr; i++) {
		struct wanted *wanted = &search->wanted[i];

		if (!is_instance_of(wanted, &origin))
			continue;
		/* Inlined in parts: one copy, not one for each part. */
		if (wanted == *inside)
			return 0;
		*inside = wanted;
		if (!is_replaced(search->build, caller))
			return add_copy(wanted, die, caller);
		wanted->nr_harmless++;
	}
	return 0;
}

/* @caller: the function with code that @parent is in. */
static int search_children(struct search *search, Dwarf_Die *parent,
			   Dwarf_Die *caller, const struct wanted *inside)
{
	const struct wanted *here;
	Dwarf_Die die;
	int r = 0;

	if (dwarf_child(parent, &die))
		return 0;
	do {
		switch (dwarf_tag(&die)) {
		case DW_TAG_subprogram:
			r = search_children(search, &die, &die, NULL);
			break;
		case DW_TAG_inlined_subroutine:
			here = inside;
			r = check_inlined(search, &die, caller, &here) ?:
				    search_children(search, &die, caller, here);
			break;
		case DW_TAG_lexical_block:
			r = search_children(search, &die, caller, inside);
			break;
		}
	} while (!r && !dwarf_siblingof(&die, &die));
	return r;
}

static int search_units(struct search *search)
{
	Dwarf *dwarf = debuginfo_dwarf(search->build->debuginfo);
	Dwarf_CU *unit = NULL;
	Dwarf_Die die;
	int r = 0;

	while (!r && dwarf &&
	       !dwarf_get_units(dwarf, unit, &unit, NULL, NULL, &die, NULL))
		if (dwarf_tag(&die) == DW_TAG_compile_unit)
			r = search_children(search, &die, &die, NULL);
	return r;
}

/* ---- clones ------------------------------------------------------------- */

struct clone_search {
	const struct build *build;
	struct wanted *wanted;
	const struct symbol *clone;
};

static int check_caller(void *context, const struct symbol *caller)
{
	const struct clone_search *search = context;
	const struct build *build = search->build;
	const char *source;

	if (caller && (caller == search->clone ||
		       build_replacement_at(build, caller->vaddr))) {
		search->wanted->nr_harmless++;
		return 0;
	}
	source = caller ? symbol_source(&build->symbols, caller) : NULL;
	return strings_addf(&search->wanted->copies,
			    "its copy %s, used by %s() (%s)",
			    search->clone->name, caller ? caller->name : "?",
			    base_name(source) ?: "?");
}

static int find_callers(const struct build *build, struct wanted *wanted,
			const struct symbol *clone)
{
	struct clone_search search = { build, wanted, clone };

	return callers_each(build, clone->vaddr, check_caller, &search);
}

static bool of_same_file(const struct build *build, const struct symbol *a,
			 const struct symbol *b)
{
	const char *left = symbol_source(&build->symbols, a);
	const char *right = symbol_source(&build->symbols, b);

	return !left || !right || source_matches(left, right) ||
	       source_matches(right, left);
}

static int find_clones(const struct build *build, struct wanted *wanted,
		       const struct symbol *function)
{
	int r = 0;

	for (size_t i = 0; i < build->symbols.nr && !r; i++) {
		const struct symbol *clone = &build->symbols.entries[i];

		if (is_clone_of(clone->name, function->name) &&
		    !strstr(clone->name, ".cold") &&
		    symbol_class(clone) == SYMBOL_FUNCTION &&
		    of_same_file(build, clone, function))
			r = find_callers(build, wanted, clone);
	}
	return r;
}

/* ---- the verdict -------------------------------------------------------- */

static int list_copies(const struct wanted *wanted, struct hf_diag *diag)
{
	for (size_t i = 0; i < wanted->copies.nr && i < LISTED_MAX; i++)
		hf_detail(diag, "  %s", wanted->copies.items[i]);
	if (wanted->copies.nr > LISTED_MAX)
		hf_detail(diag, "  and %zu more",
			  wanted->copies.nr - LISTED_MAX);
	return -ECANCELED;
}

static int refuse_copies(const struct wanted *wanted, struct hf_diag *diag)
{
	hf_refuse(diag, "inlined",
		  "%s() has %zu %s that would go on running the old code",
		  wanted->name, wanted->copies.nr,
		  wanted->copies.nr == 1 ? "copy" : "copies");
	list_copies(wanted, diag);
	hf_hint(diag, "replace those functions as well, in the same patch");
	hf_hint(diag, "or, if the old code may go on there, say "
		      "--allow-inlined");
	return -ECANCELED;
}

static int warn_copies(struct build *build, const struct wanted *wanted)
{
	int r = 0;

	for (size_t i = 0; i < wanted->copies.nr && !r; i++)
		r = strings_addf(&build->warnings,
				 "%s(): the old code goes on running where it "
				 "is %s",
				 wanted->name, wanted->copies.items[i]);
	return r ?: build_prove(build,
				"%s(): %zu copies keep the old code "
				"(--allow-inlined)",
				wanted->name, wanted->copies.nr);
}

static int judge(struct build *build, const struct wanted *wanted,
		 struct hf_diag *diag)
{
	int r = 0;

	if (wanted->copies.nr && !build->options->allow_inlined)
		return refuse_copies(wanted, diag);
	if (wanted->copies.nr)
		r = warn_copies(build, wanted);
	else if (!wanted->has_die)
		r = 0;
	else if (wanted->nr_harmless)
		r = build_prove(build,
				"%s(): all %zu copies are in functions that "
				"are replaced too",
				wanted->name, wanted->nr_harmless);
	else
		r = build_prove(build, "%s(): no inlined copies, no clones",
				wanted->name);
	return r ? hf_fail(diag, r, "cannot add a proof") : 0;
}

static int search_copies(struct build *build, struct search *search)
{
	Dwarf *dwarf = debuginfo_dwarf(build->debuginfo);
	int r = 0;

	for (size_t i = 0; i < search->nr && !r; i++) {
		const struct symbol *function = build->replacements[i].old;
		const struct debug_entity *entity =
			debuginfo_entity(build->debuginfo, function->vaddr);
		Dwarf_Die die;

		search->wanted[i].name = function->name;
		if (entity && dwarf_offdie(dwarf, entity->die, &die))
			set_abstract(&search->wanted[i], &die);
		r = find_clones(build, &search->wanted[i], function);
	}
	return r ?: search_units(search);
}

int inlines_check(struct build *build, struct hf_diag *diag)
{
	struct search search = { .build = build, .nr = build->nr_replacements };
	int r;

	search.wanted = calloc(search.nr, sizeof(*search.wanted));
	if (!search.wanted)
		return hf_fail(diag, -ENOMEM, "cannot look for copies");
	r = search_copies(build, &search);
	if (r)
		hf_fail(diag, r, "cannot look for copies");
	for (size_t i = 0; i < search.nr && !r; i++)
		r = judge(build, &search.wanted[i], diag);
	for (size_t i = 0; i < search.nr; i++)
		strings_release(&search.wanted[i].copies);
	free(search.wanted);
	return r;
}

/* ---- functions that exist only as copies -------------------------------- */

/* The unit's function of that name that was inlined, if it has no code. */
static bool find_inlined_die(Dwarf *dwarf, const char *name,
			     Dwarf_Die *ret_die)
{
	Dwarf_CU *unit = NULL;
	Dwarf_Die cu;

	while (!dwarf_get_units(dwarf, unit, &unit, NULL, NULL, &cu, NULL)) {
		if (dwarf_child(&cu, ret_die))
			continue;
		do {
			const char *die_name = dwarf_diename(ret_die);

			if (dwarf_tag(ret_die) == DW_TAG_subprogram &&
			    die_name && !strcmp(die_name, name) &&
			    dwarf_hasattr(ret_die, DW_AT_inline))
				return true;
		} while (!dwarf_siblingof(ret_die, ret_die));
	}
	return false;
}

int inlines_refuse_if_only_inlined(const struct build *build, const char *name,
				   struct hf_diag *diag)
{
	struct wanted wanted = { .name = name };
	struct search search = { build, &wanted, 1 };
	Dwarf *dwarf = debuginfo_dwarf(build->debuginfo);
	Dwarf_Die die;
	int r;

	if (!dwarf || !find_inlined_die(dwarf, name, &die))
		return 0;
	set_abstract(&wanted, &die);
	r = search_units(&search);
	if (!r && wanted.copies.nr) {
		hf_refuse(diag, "inlined",
			  "%s() has no code of its own in %s: the compiler "
			  "inlined it everywhere",
			  name, build->target->name);
		list_copies(&wanted, diag);
		hf_hint(diag, "replace those functions instead");
		r = -ECANCELED;
	}
	strings_release(&wanted.copies);
	return r;
}

bool inlines_explain_missing(const struct build *build, const char *name,
			     struct hf_diag *diag)
{
	Dwarf *dwarf = debuginfo_dwarf(build->debuginfo);
	const char *file;
	int line = 0;
	Dwarf_Die die;

	if (!dwarf || !find_inlined_die(dwarf, name, &die))
		return false;
	file = dwarf_decl_file(&die);
	dwarf_decl_line(&die, &line);
	hf_detail(diag, "%s:%d defines it, but the compiler has inlined or "
			"changed every copy: there is none to call",
		  file ?: "?", line);
	hf_hint(diag, "copy the definition of %s() into the replacement source",
		name);
	return true;
}
