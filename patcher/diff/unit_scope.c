/*
 * What only DWARF says of items: the function that a static local variable
 * stands in, and, of what was optimised at link time, the source file.
 */
#include "unit_read.h"

#include <string.h>

#include "../debug_places.h"

/* Sources matter where an object has several: those of all others are known by
   their compile. */
static void set_origin(const struct unit *unit, struct item *item,
		       const struct debug_place *place)
{
	if (!unit->optimised || item->die)
		return;
	item->die = place->die;
	item->origin = place->source;
	item->shared = place->external;
}

static int note_place(void *context, const struct debug_place *place)
{
	struct unit *unit = context;
	struct item *item;
	uint64_t offset;
	size_t section;

	if (!debuginfo_section_at(unit->debuginfo, place->vaddr, &section,
				  &offset))
		return 0;
	item = unit_item_at(unit, section, offset);
	if (!item || item->offset != offset ||
	    place->is_variable == item_is_code(item))
		return 0;
	if (item->kind == ITEM_VARIABLE && !item->scope)
		item->scope = place->scope;
	set_origin(unit, item, place);
	return 0;
}

void unit_find_scopes(struct unit *unit)
{
	debug_places_each(unit->debuginfo, note_place, unit);
}
