/*
 * The types of a unit, by name.
 *
 * Not only those that a changed function's variables and parameters lead to: a
 * cast of a void pointer leads to a type as well, and leaves no trace of which
 * function had it. Nor does "sizeof(struct foo)", which is a number in the code:
 * so the builds keep the types, too, that compilers would drop as unused
 * (record/compile_command.c).
 */
#include <dwarf.h>
#include <errno.h>
#include <string.h>

#include "judge_parts.h"
#include "live_types.h"

/* Blocks nest, damaged files without end. */
#define DEPTH_MAX 64

struct walk {
	struct live_types *types;
	/* Of several units in one object, the source; else NULL. */
	const char *source;
};

static const char *kind_word(int tag)
{
	switch (tag) {
	case DW_TAG_structure_type:
		return "struct ";
	case DW_TAG_union_type:
		return "union ";
	case DW_TAG_class_type:
		return "class ";
	case DW_TAG_enumeration_type:
		return "enum ";
	default:
		return "";
	}
}

static int add(const struct walk *walk, Dwarf_Die *die, char *name)
{
	struct live_type *type;

	if (name && walk->source) {
		char *longer = text_format("%s (%s)", name, walk->source);

		free(name);
		name = longer;
	}
	type = name ? array_append(walk->types->items, walk->types->nr) : NULL;
	if (!type) {
		free(name);
		return -ENOMEM;
	}
	*type = (struct live_type){ .name = name, .die = *die };
	return 0;
}

/* @scope: " of f()", or "". */
static int add_named(const struct walk *walk, Dwarf_Die *die, const char *scope)
{
	const char *name = dwarf_diename(die);

	if (!name || die_is_declaration(die))
		return 0;
	return add(walk, die,
		   text_format("%s%s%s", kind_word(dwarf_tag(die)), name,
			       scope));
}

/* Constants of an enumeration without a name: each on its own. */
static int add_constants(const struct walk *walk, Dwarf_Die *type,
			 const char *scope)
{
	Dwarf_Attribute attribute;
	Dwarf_Die die;
	bool more = die_first_child(type, DW_TAG_enumerator, &die);
	int r = 0;

	for (; more && !r; more = die_next_child(&die, DW_TAG_enumerator)) {
		Dwarf_Sword value;

		if (dwarf_formsdata(dwarf_attr(&die, DW_AT_const_value,
					       &attribute),
				    &value))
			continue;
		r = add(walk, &die,
			text_format("enumerator %s%s",
				    dwarf_diename(&die) ?: "?", scope));
		if (r)
			return r;
		walk->types->items[walk->types->nr - 1].is_constant = true;
		walk->types->items[walk->types->nr - 1].value = value;
	}
	return r;
}

/* "typedef struct { ... } name;" */
static int add_typedef(const struct walk *walk, Dwarf_Die *die,
		       const char *scope)
{
	Dwarf_Die type;

	if (!type_of(die, &type) || dwarf_diename(&type) ||
	    !is_aggregate_tag(dwarf_tag(&type)))
		return 0;
	return add(walk, &type,
		   text_format("%s%s", dwarf_diename(die) ?: "?", scope));
}

/* "struct { ... } name;", arrays of and pointers to such. */
static bool unnamed_type(Dwarf_Die *variable, Dwarf_Die *ret_type)
{
	bool more = type_of(variable, ret_type);

	for (unsigned int i = 0;
	     more && !is_aggregate_tag(dwarf_tag(ret_type)); i++)
		more = i < TYPE_CHAIN_MAX &&
		       dwarf_tag(ret_type) != DW_TAG_typedef &&
		       dwarf_tag(ret_type) != DW_TAG_subroutine_type &&
		       type_of(ret_type, ret_type);
	return more && !dwarf_diename(ret_type);
}

/*
 * What a variable holds: of a type that can be looked into, or a value. Those
 * that live on the stack are not met by other code than their function's.
 */
static int add_variable(const struct walk *walk, Dwarf_Die *die,
			const char *scope)
{
	const char *name = dwarf_diename(die);
	Dwarf_Die type;
	uint64_t vaddr;

	if (!name || (strstr(scope, "()") &&
		      !debuginfo_static_address(die, &vaddr)))
		return 0;
	return add(walk, unnamed_type(die, &type) ? &type : die,
		   text_format("the type of %s%s", name, scope));
}

static int visit_children(const struct walk *walk, Dwarf_Die *parent,
			  const char *scope, unsigned int depth);

static int visit_inside(const struct walk *walk, Dwarf_Die *die,
			const char *before, const char *behind,
			const char *outer, unsigned int depth)
{
	owned(free_p) char *scope = NULL;

	if (!dwarf_haschildren(die))
		return 0;
	scope = text_format("%s%s%s%s", before, dwarf_diename(die) ?: "?",
			    behind, outer);
	return scope ? visit_children(walk, die, scope, depth) : -ENOMEM;
}

static int visit(const struct walk *walk, Dwarf_Die *die, const char *scope,
		 unsigned int depth)
{
	switch (dwarf_tag(die)) {
	case DW_TAG_structure_type:
	case DW_TAG_union_type:
	case DW_TAG_class_type:
		return add_named(walk, die, scope) ?:
			       visit_inside(walk, die, " in ", "", scope, depth);
	case DW_TAG_enumeration_type:
		return dwarf_diename(die) ? add_named(walk, die, scope) :
					    add_constants(walk, die, scope);
	case DW_TAG_typedef:
		return add_typedef(walk, die, scope);
	case DW_TAG_variable:
		return add_variable(walk, die, scope);
	case DW_TAG_subprogram:
		return visit_inside(walk, die, " of ", "()", scope, depth);
	case DW_TAG_namespace:
		return visit_inside(walk, die, " in ", "", scope, depth);
	case DW_TAG_lexical_block:
		return visit_children(walk, die, scope, depth);
	default:
		return 0;
	}
}

static int visit_children(const struct walk *walk, Dwarf_Die *parent,
			  const char *scope, unsigned int depth)
{
	Dwarf_Die die;
	int r;

	if (depth > DEPTH_MAX || dwarf_child(parent, &die))
		return 0;
	do {
		r = visit(walk, &die, scope, depth + 1);
	} while (!r && !dwarf_siblingof(&die, &die));
	return r;
}

static int by_name(const void *a, const void *b)
{
	const struct live_type *left = a, *right = b;

	return strcmp(left->name, right->name);
}

static size_t count_units(Dwarf *dwarf)
{
	Dwarf_CU *unit = NULL;
	Dwarf_Die die;
	size_t nr = 0;

	while (!dwarf_get_units(dwarf, unit, &unit, NULL, NULL, &die, NULL))
		nr += dwarf_tag(&die) == DW_TAG_compile_unit;
	return nr;
}

void live_types_release(struct live_types *types)
{
	for (size_t i = 0; i < types->nr; i++)
		free(types->items[i].name);
	free(types->items);
	*types = (struct live_types){ 0 };
}

int live_types_collect(const struct unit *unit, struct live_types *ret_types)
{
	Dwarf *dwarf = debuginfo_dwarf(unit->debuginfo);
	struct live_types types = { 0 };
	struct walk walk = { .types = &types };
	bool several = dwarf && count_units(dwarf) > 1;
	Dwarf_CU *cu = NULL;
	Dwarf_Die die;
	int r = 0;

	while (!r && dwarf &&
	       !dwarf_get_units(dwarf, cu, &cu, NULL, NULL, &die, NULL)) {
		walk.source = several &&
					      dwarf_tag(&die) ==
						      DW_TAG_compile_unit ?
				      dwarf_diename(&die) :
				      NULL;
		r = visit_children(&walk, &die, "", 0);
	}
	if (r) {
		live_types_release(&types);
		return r;
	}
	if (types.nr)
		qsort(types.items, types.nr, sizeof(*types.items), by_name);
	*ret_types = types;
	return 0;
}

const struct live_type *live_types_find(const struct live_types *types,
					const char *name)
{
	size_t low = 0, high = types->nr;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (strcmp(types->items[middle].name, name) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == types->nr || strcmp(types->items[low].name, name))
		return NULL;
	return &types->items[low];
}

/* ---- functions ------------------------------------------------------------ */

/* @name may have the compiler's endings: "f.constprop.0" is made from f(). */
static bool is_named(Dwarf_Die *die, const char *name)
{
	Dwarf_Attribute attribute;
	const char *linkage = dwarf_formstring(
		dwarf_attr_integrate(die, DW_AT_linkage_name, &attribute));
	const char *own = linkage ?: dwarf_diename(die);
	size_t size = strcspn(name, ".");

	return own && !strncmp(own, name, size) &&
	       (!own[size] || !strcmp(own, name));
}

/* Copies made for some callers may lack parameters; their origin has all. */
static void to_origin(Dwarf_Die *function)
{
	Dwarf_Attribute attribute;
	Dwarf_Die origin;

	if (dwarf_attr(function, DW_AT_abstract_origin, &attribute) &&
	    dwarf_formref_die(&attribute, &origin))
		*function = origin;
}

/* A definition, rather than a declaration: @found has one of those. */
static bool find_definition(Dwarf_Die *unit, const char *name, bool *found,
			    Dwarf_Die *ret_die)
{
	Dwarf_Die die;
	bool more = die_first_child(unit, DW_TAG_subprogram, &die);

	for (; more; more = die_next_child(&die, DW_TAG_subprogram)) {
		bool declared = die_is_declaration(&die);

		if ((declared && *found) || !is_named(&die, name))
			continue;
		*ret_die = die;
		*found = true;
		if (!declared)
			return true;
	}
	return false;
}

bool unit_function_die(const struct unit *unit, const char *name,
		       Dwarf_Die *ret_die)
{
	Dwarf *dwarf = debuginfo_dwarf(unit->debuginfo);
	Dwarf_CU *cu = NULL;
	bool found = false;
	Dwarf_Die die;

	while (dwarf && !dwarf_get_units(dwarf, cu, &cu, NULL, NULL, &die,
					 NULL))
		if (find_definition(&die, name, &found, ret_die))
			break;
	if (found)
		to_origin(ret_die);
	return found;
}

/* Where several sources have functions of one name. */
static bool place_function_die(const struct unit *unit, const struct item *item,
			       Dwarf_Die *ret_die)
{
	Dwarf *dwarf = debuginfo_dwarf(unit->debuginfo);

	if (!dwarf || !item->die || !dwarf_offdie(dwarf, item->die, ret_die))
		return false;
	to_origin(ret_die);
	return true;
}

bool item_function_die(const struct unit *unit, const struct item *item,
		       Dwarf_Die *ret_die)
{
	if (!item->name)
		return false;
	if (unit->optimised)
		return place_function_die(unit, item, ret_die);
	if (unit_function_die(unit, item->name, ret_die))
		return true;
	for (size_t i = 0; i < item->nr_aliases; i++)
		if (unit_function_die(unit,
				      elf_symbol_name(unit->file,
						      &unit->symbols,
						      item->aliases[i]),
				      ret_die))
			return true;
	return false;
}
