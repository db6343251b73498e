#include "debug_places.h"

#include <dwarf.h>

struct walk {
	const struct debuginfo *debuginfo;
	debug_place_fn *function;
	void *context;
};

static bool is_external(Dwarf_Die *die)
{
	Dwarf_Attribute attribute;
	bool external = false;

	return !dwarf_formflag(dwarf_attr_integrate(die, DW_AT_external,
						    &attribute),
			       &external) &&
	       external;
}

static int visit_variable(const struct walk *walk, Dwarf_Die *die,
			  const char *scope)
{
	struct debug_place place = { .die = dwarf_dieoffset(die),
				     .is_variable = true,
				     .scope = scope };

	if (!debuginfo_static_address(die, &place.vaddr))
		return 0;
	place.external = is_external(die);
	place.source = debuginfo_die_source(walk->debuginfo, die);
	return walk->function(walk->context, &place);
}

/* A function with a cold part has two ranges. */
static int visit_function(const struct walk *walk, Dwarf_Die *die)
{
	struct debug_place place = { .die = dwarf_dieoffset(die),
				     .external = is_external(die) };
	Dwarf_Addr base, start, end;
	ptrdiff_t position = 0;
	int r = 0;

	while (!r && (position = dwarf_ranges(die, position, &base, &start,
					      &end)) > 0) {
		place.vaddr = start;
		place.source = debuginfo_die_source(walk->debuginfo, die);
		r = walk->function(walk->context, &place);
	}
	return r;
}

/* Everything below @parent; @scope: the innermost function around. */
static int visit_all(const struct walk *walk, Dwarf_Die *parent,
		     const char *scope, unsigned int depth)
{
	Dwarf_Die die;
	int r = 0;

	/* Blocks nest, damaged files without end. */
	if (depth > 256 || dwarf_child(parent, &die))
		return 0;
	do {
		switch (dwarf_tag(&die)) {
		case DW_TAG_variable:
			r = visit_variable(walk, &die, scope);
			break;
		case DW_TAG_subprogram:
			r = visit_function(walk, &die);
			/* fall through */
		case DW_TAG_inlined_subroutine:
			r = r ?: visit_all(walk, &die,
					   dwarf_diename(&die) ?: scope,
					   depth + 1);
			break;
		case DW_TAG_lexical_block:
		case DW_TAG_namespace:
			r = visit_all(walk, &die, scope, depth + 1);
			break;
		default:
			break;
		}
	} while (!r && !dwarf_siblingof(&die, &die));
	return r;
}

int debug_places_each(const struct debuginfo *debuginfo,
		      debug_place_fn *function, void *context)
{
	const struct walk walk = { debuginfo, function, context };
	Dwarf *dwarf = debuginfo_dwarf(debuginfo);
	Dwarf_CU *cu = NULL;
	Dwarf_Die die;
	int r = 0;

	while (!r && dwarf &&
	       !dwarf_get_units(dwarf, cu, &cu, NULL, NULL, &die, NULL))
		r = visit_all(&walk, &die, NULL, 0);
	return r;
}
