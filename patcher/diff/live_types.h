/*
 * Whether what a running process holds can be used by code that was compiled
 * for a changed type.
 *
 * Names do not matter, places do: a member may be renamed and a signed number
 * become an unsigned one, but nothing may move, grow or come to mean something
 * else. Members of a named structure's type are only looked at by name: each
 * named type is compared on its own (judge_layout.c). What changed its name, or
 * has none, is compared through to the end.
 */
#pragma once

#include <dwarf.h>

#include "../dies.h"

struct live_difference {
	char text[512]; /* in words: sizes, and the first member that differs */
};

static inline bool is_aggregate_tag(int tag)
{
	return tag == DW_TAG_structure_type || tag == DW_TAG_union_type ||
	       tag == DW_TAG_class_type;
}

/* @old, @new: structures, unions or enumerations, both complete. */
bool live_type_fits(Dwarf_Die *old, Dwarf_Die *new,
		    struct live_difference *ret_difference);

/* The same of two variables' values. */
bool live_value_fits(Dwarf_Die *old, Dwarf_Die *new,
		     struct live_difference *ret_difference);

/*
 * Whether callers compiled for the prototype of @old may call @new. A result
 * that they do not know of does no harm.
 */
bool live_prototype_fits(Dwarf_Die *old, Dwarf_Die *new);
