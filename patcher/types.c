#include "types.h"

#include <dwarf.h>
#include <string.h>

/* Structures in structures are compared; deeper than this, by name. */
#define DEPTH_MAX 4

bool type_of(Dwarf_Die *die, Dwarf_Die *ret_type)
{
	Dwarf_Attribute attribute;

	return dwarf_attr_integrate(die, DW_AT_type, &attribute) &&
	       dwarf_formref_die(&attribute, ret_type);
}

/* Follows typedefs, and const, volatile, which do not change the bits. */
static bool strip(Dwarf_Die *type)
{
	for (;;) {
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
}

static bool names_equal(Dwarf_Die *a, Dwarf_Die *b)
{
	const char *left = dwarf_diename(a), *right = dwarf_diename(b);

	return !left || !right || !strcmp(left, right);
}

static uint64_t number(Dwarf_Die *die, unsigned int name)
{
	Dwarf_Attribute attribute;
	Dwarf_Word value = 0;

	if (dwarf_attr_integrate(die, name, &attribute))
		dwarf_formudata(&attribute, &value);
	return value;
}

static bool is_declaration(Dwarf_Die *type)
{
	Dwarf_Attribute attribute;
	bool declaration = false;

	return dwarf_attr(type, DW_AT_declaration, &attribute) &&
	       !dwarf_formflag(&attribute, &declaration) && declaration;
}

static bool equal(Dwarf_Die *a, Dwarf_Die *b, unsigned int depth);

/* The child with @tag at or behind @die; false at the end. */
static bool skip_to(Dwarf_Die *die, int tag)
{
	while (dwarf_tag(die) != tag)
		if (dwarf_siblingof(die, die))
			return false;
	return true;
}

static bool first_child(Dwarf_Die *parent, int tag, Dwarf_Die *ret_child)
{
	return !dwarf_child(parent, ret_child) && skip_to(ret_child, tag);
}

static bool next_child(Dwarf_Die *child, int tag)
{
	return !dwarf_siblingof(child, child) && skip_to(child, tag);
}

static bool child_types_equal(Dwarf_Die *a, Dwarf_Die *b, unsigned int depth)
{
	Dwarf_Die left, right;
	bool has_left = type_of(a, &left), has_right = type_of(b, &right);

	if (!has_left || !has_right)
		return has_left == has_right;
	return equal(&left, &right, depth);
}

static bool members_equal(Dwarf_Die *a, Dwarf_Die *b, unsigned int depth)
{
	Dwarf_Die left, right;
	bool more_left = first_child(a, DW_TAG_member, &left);
	bool more_right = first_child(b, DW_TAG_member, &right);

	while (more_left && more_right) {
		if (!names_equal(&left, &right) ||
		    number(&left, DW_AT_data_member_location) !=
			    number(&right, DW_AT_data_member_location) ||
		    number(&left, DW_AT_data_bit_offset) !=
			    number(&right, DW_AT_data_bit_offset) ||
		    number(&left, DW_AT_bit_size) !=
			    number(&right, DW_AT_bit_size) ||
		    !child_types_equal(&left, &right, depth + 1))
			return false;
		more_left = next_child(&left, DW_TAG_member);
		more_right = next_child(&right, DW_TAG_member);
	}
	return more_left == more_right;
}

static bool parameters_equal(Dwarf_Die *a, Dwarf_Die *b, unsigned int depth)
{
	Dwarf_Die left, right;
	bool more_left = first_child(a, DW_TAG_formal_parameter, &left);
	bool more_right = first_child(b, DW_TAG_formal_parameter, &right);
	Dwarf_Die unused;

	while (more_left && more_right) {
		if (!child_types_equal(&left, &right, depth))
			return false;
		more_left = next_child(&left, DW_TAG_formal_parameter);
		more_right = next_child(&right, DW_TAG_formal_parameter);
	}
	return more_left == more_right &&
	       first_child(a, DW_TAG_unspecified_parameters, &unused) ==
		       first_child(b, DW_TAG_unspecified_parameters, &unused);
}

static uint64_t array_size(Dwarf_Die *array)
{
	Dwarf_Word size = 0;

	return dwarf_aggregate_size(array, &size) ? 0 : size;
}

/* An aggregate only declared may be whatever the other side defines. */
static bool aggregates_equal(Dwarf_Die *a, Dwarf_Die *b, unsigned int depth)
{
	if (!names_equal(a, b))
		return false;
	if (is_declaration(a) || is_declaration(b) || depth > DEPTH_MAX)
		return true;
	return number(a, DW_AT_byte_size) == number(b, DW_AT_byte_size) &&
	       members_equal(a, b, depth);
}

/* What a pointer leads to is compared by kind and name only. */
static bool pointees_equal(Dwarf_Die *a, Dwarf_Die *b, unsigned int depth)
{
	Dwarf_Die left, right;
	bool has_left = type_of(a, &left) && strip(&left);
	bool has_right = type_of(b, &right) && strip(&right);

	/* void * takes any pointer. */
	if (!has_left || !has_right)
		return has_left == has_right;
	switch (dwarf_tag(&left)) {
	case DW_TAG_structure_type:
	case DW_TAG_union_type:
		if (depth)
			return dwarf_tag(&left) == dwarf_tag(&right) &&
			       names_equal(&left, &right);
		break;
	}
	return depth > DEPTH_MAX || equal(&left, &right, depth + 1);
}

static bool equal(Dwarf_Die *a, Dwarf_Die *b, unsigned int depth)
{
	Dwarf_Die left = *a, right = *b;
	bool has_left = strip(&left), has_right = strip(&right);

	if (!has_left || !has_right)
		return has_left == has_right;
	if (dwarf_tag(&left) != dwarf_tag(&right))
		return false;
	switch (dwarf_tag(&left)) {
	case DW_TAG_base_type:
		return number(&left, DW_AT_byte_size) ==
			       number(&right, DW_AT_byte_size) &&
		       number(&left, DW_AT_encoding) ==
			       number(&right, DW_AT_encoding);
	case DW_TAG_enumeration_type:
		return names_equal(&left, &right) &&
		       number(&left, DW_AT_byte_size) ==
			       number(&right, DW_AT_byte_size);
	case DW_TAG_pointer_type:
		return pointees_equal(&left, &right, depth);
	case DW_TAG_structure_type:
	case DW_TAG_union_type:
		return aggregates_equal(&left, &right, depth);
	case DW_TAG_array_type:
		return array_size(&left) == array_size(&right) &&
		       child_types_equal(&left, &right, depth + 1);
	case DW_TAG_subroutine_type:
		return depth > DEPTH_MAX ||
		       (child_types_equal(&left, &right, depth + 1) &&
			parameters_equal(&left, &right, depth + 1));
	default:
		return names_equal(&left, &right);
	}
}

bool types_equal(Dwarf_Die *a, Dwarf_Die *b)
{
	return equal(a, b, 0);
}

bool prototypes_equal(Dwarf_Die *a, Dwarf_Die *b)
{
	return child_types_equal(a, b, 0) && parameters_equal(a, b, 0);
}

/* ---- printing ------------------------------------------------------------------ */

static void print_named(FILE *file, const char *prefix, Dwarf_Die *type)
{
	fprintf(file, "%s%s", prefix, dwarf_diename(type) ?: "{...}");
}

static void print_pointee(FILE *file, Dwarf_Die *type)
{
	Dwarf_Die pointee;

	if (!type_of(type, &pointee)) {
		fputs("void *", file);
	} else {
		type_print(file, &pointee);
		fputs(dwarf_tag(&pointee) == DW_TAG_pointer_type ? "*" : " *",
		      file);
	}
}

static void print_qualified(FILE *file, const char *word, Dwarf_Die *type)
{
	Dwarf_Die inner;
	bool has_type = type_of(type, &inner);

	fprintf(file, "%s ", word);
	type_print(file, has_type ? &inner : NULL);
}

static void print_parameters(FILE *file, Dwarf_Die *function)
{
	const char *comma = "";
	Dwarf_Die die, type;
	bool more = first_child(function, DW_TAG_formal_parameter, &die);

	if (!more)
		fputs("void", file);
	for (; more; more = next_child(&die, DW_TAG_formal_parameter)) {
		fputs(comma, file);
		type_print(file, type_of(&die, &type) ? &type : NULL);
		comma = ", ";
	}
	if (first_child(function, DW_TAG_unspecified_parameters, &die))
		fputs(", ...", file);
}

void type_print(FILE *file, Dwarf_Die *type)
{
	Dwarf_Die inner;

	switch (type ? dwarf_tag(type) : DW_TAG_unspecified_type) {
	case DW_TAG_unspecified_type:
		fputs("void", file);
		break;
	case DW_TAG_pointer_type:
		print_pointee(file, type);
		break;
	case DW_TAG_structure_type:
		print_named(file, "struct ", type);
		break;
	case DW_TAG_union_type:
		print_named(file, "union ", type);
		break;
	case DW_TAG_enumeration_type:
		print_named(file, "enum ", type);
		break;
	case DW_TAG_const_type:
		print_qualified(file, "const", type);
		break;
	case DW_TAG_volatile_type:
		print_qualified(file, "volatile", type);
		break;
	case DW_TAG_array_type:
		type_print(file, type_of(type, &inner) ? &inner : NULL);
		fprintf(file, "[%lu bytes]", array_size(type));
		break;
	case DW_TAG_subroutine_type:
		type_print(file, type_of(type, &inner) ? &inner : NULL);
		fputs(" (", file);
		print_parameters(file, type);
		fputs(")", file);
		break;
	default:
		print_named(file, "", type);
	}
}

void prototype_print(FILE *file, Dwarf_Die *function)
{
	Dwarf_Die type;
	const char *name = dwarf_diename(function);

	type_print(file, type_of(function, &type) ? &type : NULL);
	fprintf(file, " %s(", name ?: "?");
	print_parameters(file, function);
	fputs(")", file);
}
