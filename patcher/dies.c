#include "dies.h"

#include <dwarf.h>

bool type_of(Dwarf_Die *die, Dwarf_Die *ret_type)
{
	Dwarf_Attribute attribute;

	return dwarf_attr_integrate(die, DW_AT_type, &attribute) &&
	       dwarf_formref_die(&attribute, ret_type);
}

bool type_strip(Dwarf_Die *type)
{
	for (unsigned int i = 0; i < TYPE_CHAIN_MAX; i++) {
		switch (dwarf_tag(type)) {
		case DW_TAG_typedef:
		case DW_TAG_const_type:
		case DW_TAG_volatile_type:
		case DW_TAG_restrict_type:
		case DW_TAG_atomic_type:
			if (!type_of(type, type))
				return false;
			continue;
		default:
			return true;
		}
	}
	return false;
}

uint64_t die_number(Dwarf_Die *die, unsigned int name)
{
	Dwarf_Attribute attribute;
	Dwarf_Word value = 0;

	if (dwarf_attr_integrate(die, name, &attribute))
		dwarf_formudata(&attribute, &value);
	return value;
}

bool die_is_declaration(Dwarf_Die *type)
{
	Dwarf_Attribute attribute;
	bool declaration = false;

	return dwarf_attr(type, DW_AT_declaration, &attribute) &&
	       !dwarf_formflag(&attribute, &declaration) && declaration;
}

/* The child with @tag at or behind @die; false at the end. */
static bool skip_to(Dwarf_Die *die, int tag)
{
	while (dwarf_tag(die) != tag)
		if (dwarf_siblingof(die, die))
			return false;
	return true;
}

bool die_first_child(Dwarf_Die *parent, int tag, Dwarf_Die *ret_child)
{
	return !dwarf_child(parent, ret_child) && skip_to(ret_child, tag);
}

bool die_next_child(Dwarf_Die *child, int tag)
{
	return !dwarf_siblingof(child, child) && skip_to(child, tag);
}

/* Elements of one dimension; 0 when it is open or known at run time only. */
static uint64_t dimension_size(Dwarf_Die *dimension)
{
	Dwarf_Attribute attribute;
	Dwarf_Word value;

	if (dwarf_attr(dimension, DW_AT_count, &attribute))
		return dwarf_formudata(&attribute, &value) ? 0 : value;
	if (!dwarf_attr(dimension, DW_AT_upper_bound, &attribute) ||
	    dwarf_formudata(&attribute, &value))
		return 0;
	return value + 1;
}

/*
 * Elements of all dimensions. Not dwarf_aggregate_size(): it wants to know the
 * language, which units shared by others (dwz) do not tell.
 */
uint64_t type_array_length(Dwarf_Die *array)
{
	uint64_t length = 1;
	Dwarf_Die dimension;
	bool more = die_first_child(array, DW_TAG_subrange_type, &dimension);

	if (!more)
		return 0;
	for (; more; more = die_next_child(&dimension, DW_TAG_subrange_type))
		length *= dimension_size(&dimension);
	return length;
}
