/*
 * Static local variables and the functions that they stand in, by DWARF.
 *
 * The scope is the source's function, also where its code was inlined, cloned
 * or is gone: variables of a function that was inlined everywhere hang below
 * its abstract instance or below the inlined one.
 */
#include "unit_read.h"

#include <dwarf.h>

static void name_variable(struct unit *unit, Dwarf_Die *die, const char *scope)
{
	struct item *item;
	uint64_t vaddr, offset;
	size_t section;

	if (!debuginfo_static_address(die, &vaddr) ||
	    !debuginfo_section_at(unit->debuginfo, vaddr, &section, &offset))
		return;
	item = unit_item_at(unit, section, offset);
	if (item && item->kind == ITEM_VARIABLE && item->offset == offset &&
	    !item->scope)
		item->scope = scope;
}

/* Everything below @parent; @scope: the innermost function around. */
static void walk(struct unit *unit, Dwarf_Die *parent, const char *scope,
		 unsigned int depth)
{
	Dwarf_Die die;

	/* Blocks nest, damaged files without end. */
	if (depth > 256 || dwarf_child(parent, &die))
		return;
	do {
		switch (dwarf_tag(&die)) {
		case DW_TAG_variable:
			if (scope)
				name_variable(unit, &die, scope);
			break;
		case DW_TAG_subprogram:
		case DW_TAG_inlined_subroutine:
			walk(unit, &die, dwarf_diename(&die) ?: scope,
			     depth + 1);
			break;
		case DW_TAG_lexical_block:
		case DW_TAG_namespace:
			walk(unit, &die, scope, depth + 1);
			break;
		default:
			break;
		}
	} while (!dwarf_siblingof(&die, &die));
}

void unit_find_scopes(struct unit *unit)
{
	Dwarf *dwarf = debuginfo_dwarf(unit->debuginfo);
	Dwarf_CU *cu = NULL;
	Dwarf_Die die;

	while (dwarf &&
	       !dwarf_get_units(dwarf, cu, &cu, NULL, NULL, &die, NULL))
		walk(unit, &die, NULL, 0);
}
