#include "change.h"

#include <string.h>

/* Several objects may hold one function (inline ones of C++): the linker has
   taken one, and the first change speaks for all. */
static bool is_same_function(const struct item *a, const struct item *b)
{
	if (a == b)
		return true;
	return a->binding != STB_LOCAL && b->binding != STB_LOCAL &&
	       a->kind == ITEM_FUNCTION && b->kind == ITEM_FUNCTION &&
	       a->name && b->name && !strcmp(a->name, b->name);
}

struct change *change_of(const struct change_set *set, const struct item *item)
{
	if (item->kind != ITEM_FUNCTION || item->verdict != VERDICT_CHANGED)
		return NULL;
	for (size_t i = 0; i < set->nr_changes; i++)
		if (is_same_function(set->changes[i].original, item) ||
		    is_same_function(set->changes[i].patched, item))
			return &set->changes[i];
	return NULL;
}

bool is_addition(const struct change_set *set, const struct item *patched)
{
	for (size_t i = 0; i < set->nr_additions; i++)
		if (set->additions[i].patched == patched)
			return true;
	return false;
}
