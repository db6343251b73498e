/*
 * A result of up to 16 bytes is one or two eightbytes. What lies in each
 * decides its class, and the class the register:
 *
 *	INTEGER   rax, then rdx          SSE   xmm0, then xmm1
 *	X87       st0                    in memory: its address in rax
 */
#include "convention.h"

#include <dwarf.h>
#include <string.h>

#include "dies.h"
#include "types.h"

#define STACK_WORDS_MAX 32
#define GENERAL_ARGUMENTS 6
#define VECTOR_ARGUMENTS 8
#define DEPTH_MAX 8

#define CLASS_INTEGER 1u
#define CLASS_SSE 2u
#define CLASS_X87 4u

struct eightbytes {
	unsigned int classes[2];
	bool in_memory;
};

static uint64_t number(Dwarf_Die *die, unsigned int name, uint64_t otherwise)
{
	Dwarf_Attribute attribute;
	Dwarf_Word value;

	if (!dwarf_attr_integrate(die, name, &attribute) ||
	    dwarf_formudata(&attribute, &value))
		return otherwise;
	return value;
}

static bool has(Dwarf_Die *die, unsigned int name)
{
	Dwarf_Attribute attribute;

	return dwarf_attr_integrate(die, name, &attribute);
}

/* Unlike dwarf_peel_type() it ends where a type leads to itself. */
static bool peel(Dwarf_Die *type, Dwarf_Die *ret_peeled)
{
	*ret_peeled = *type;
	return type_strip(ret_peeled);
}

/* One scalar; what is not aligned makes everything go to memory. */
static bool put(struct eightbytes *value, uint64_t offset, uint64_t size,
		unsigned int class)
{
	if (!size || size > 16 || offset % (size > 8 ? 8 : size) ||
	    offset + size > 16)
		return false;
	value->classes[offset / 8] |= class;
	/* A 16-byte vector is in one register. */
	if (size == 16 && class != CLASS_SSE)
		value->classes[1] |= class;
	return true;
}

static bool put_base(struct eightbytes *value, Dwarf_Die *type, uint64_t offset,
		     uint64_t size)
{
	const char *name = dwarf_diename(type) ?: "";

	switch (number(type, DW_AT_encoding, 0)) {
	case DW_ATE_float:
		/* long double; _Float128 is as a vector */
		if (size == 16 && !strstr(name, "128"))
			return put(value, offset, size, CLASS_X87);
		return put(value, offset, size, CLASS_SSE);
	case DW_ATE_decimal_float:
		return put(value, offset, size, CLASS_SSE);
	case DW_ATE_complex_float:
		if (size == 32)
			return false;
		return put(value, offset, size / 2, CLASS_SSE) &&
		       put(value, offset + size / 2, size / 2, CLASS_SSE);
	case DW_ATE_boolean:
	case DW_ATE_signed:
	case DW_ATE_unsigned:
	case DW_ATE_signed_char:
	case DW_ATE_unsigned_char:
	case DW_ATE_UTF:
	case DW_ATE_address:
		return put(value, offset, size, CLASS_INTEGER);
	default:
		return false;
	}
}

static bool put_type(struct eightbytes *value, Dwarf_Die *type, uint64_t offset,
		     unsigned int depth);

static bool put_array(struct eightbytes *value, Dwarf_Die *array,
		      uint64_t offset, unsigned int depth)
{
	Dwarf_Word size, step;
	Dwarf_Die element;

	if (dwarf_aggregate_size(array, &size))
		return false;
	if (has(array, DW_AT_GNU_vector))
		return (size == 8 || size == 16) &&
		       put(value, offset, size, CLASS_SSE);
	if (!type_of(array, &element) ||
	    dwarf_aggregate_size(&element, &step) || !step ||
	    offset + size > 16)
		return false;
	for (uint64_t at = 0; at < size; at += step)
		if (!put_type(value, &element, offset + at, depth + 1))
			return false;
	return true;
}

static bool put_member(struct eightbytes *value, Dwarf_Die *member,
		       uint64_t offset, unsigned int depth)
{
	uint64_t bits = number(member, DW_AT_data_bit_offset, 0);
	uint64_t size = number(member, DW_AT_bit_size, 0);
	Dwarf_Die type;

	/* Older DWARF says where the unit of a bit field is: not exact. */
	if (size && !has(member, DW_AT_data_bit_offset))
		return false;
	if (size) {
		uint64_t first = offset * 8 + bits, last = first + size - 1;

		if (last >= 128)
			return false;
		value->classes[first / 64] |= CLASS_INTEGER;
		value->classes[last / 64] |= CLASS_INTEGER;
		return true;
	}
	return type_of(member, &type) &&
	       put_type(value, &type,
			offset + number(member, DW_AT_data_member_location, 0),
			depth + 1);
}

static bool put_aggregate(struct eightbytes *value, Dwarf_Die *type,
			  uint64_t offset, unsigned int depth)
{
	Dwarf_Die member;

	if (has(type, DW_AT_declaration))
		return false;
	if (number(type, DW_AT_calling_convention, 0) ==
	    DW_CC_pass_by_reference) {
		value->in_memory = true;
		return true;
	}
	if (dwarf_child(type, &member))
		return true;
	do {
		switch (dwarf_tag(&member)) {
		case DW_TAG_inheritance:
		case DW_TAG_member:
			/* Not those of the class as a whole. */
			if (!has(&member, DW_AT_external) &&
			    !put_member(value, &member, offset, depth))
				return false;
		}
	} while (!dwarf_siblingof(&member, &member));
	return true;
}

/* Whether the classes of what lies at @offset are known. */
static bool put_type(struct eightbytes *value, Dwarf_Die *type, uint64_t offset,
		     unsigned int depth)
{
	Dwarf_Word size = 8;
	Dwarf_Die peeled;

	if (depth > DEPTH_MAX || !peel(type, &peeled))
		return false;
	dwarf_aggregate_size(&peeled, &size);
	switch (dwarf_tag(&peeled)) {
	case DW_TAG_base_type:
		return put_base(value, &peeled, offset, size);
	case DW_TAG_enumeration_type:
	case DW_TAG_pointer_type:
	case DW_TAG_reference_type:
	case DW_TAG_rvalue_reference_type:
		return put(value, offset, size, CLASS_INTEGER);
	case DW_TAG_array_type:
		return put_array(value, &peeled, offset, depth);
	case DW_TAG_structure_type:
	case DW_TAG_class_type:
	case DW_TAG_union_type:
		return put_aggregate(value, &peeled, offset, depth);
	default:
		return false;
	}
}

static bool is_vector_inside(Dwarf_Die *type, unsigned int depth)
{
	Dwarf_Die peeled, member, inner;

	if (depth > DEPTH_MAX || !peel(type, &peeled))
		return true;
	if (has(&peeled, DW_AT_GNU_vector))
		return true;
	if (dwarf_tag(&peeled) == DW_TAG_array_type)
		return type_of(&peeled, &inner) &&
		       is_vector_inside(&inner, depth + 1);
	if (dwarf_child(&peeled, &member))
		return false;
	do {
		if (dwarf_tag(&member) == DW_TAG_member &&
		    type_of(&member, &inner) &&
		    dwarf_tag(&inner) != DW_TAG_pointer_type &&
		    is_vector_inside(&inner, depth + 1))
			return true;
	} while (!dwarf_siblingof(&member, &member));
	return false;
}

/* Larger ones are in memory, but for vectors and complex numbers. */
static bool is_in_memory(Dwarf_Die *type)
{
	Dwarf_Word size = 0;
	Dwarf_Die peeled;

	if (!peel(type, &peeled) ||
	    dwarf_aggregate_size(&peeled, &size))
		return false;
	switch (dwarf_tag(&peeled)) {
	case DW_TAG_structure_type:
	case DW_TAG_class_type:
	case DW_TAG_union_type:
		return size > 16 && !is_vector_inside(&peeled, 0);
	default:
		return false;
	}
}

static bool registers_of(const struct eightbytes *value, register_set *ret_set)
{
	static const register_set general[] = { REGISTER_RAX, REGISTER_RDX };
	static const register_set vector[] = { REGISTER_XMM(0),
					       REGISTER_XMM(1) };
	unsigned int nr_general = 0, nr_vector = 0;
	register_set set = 0;

	for (unsigned int i = 0; i < 2; i++) {
		unsigned int class = value->classes[i];

		if (class & CLASS_X87 && class != CLASS_X87)
			return false;
		if (class & CLASS_INTEGER)
			set |= general[nr_general++];
		else if (class & CLASS_SSE)
			set |= vector[nr_vector++];
	}
	*ret_set = set;
	return true;
}

static bool results_of(Dwarf_Die *function, register_set *ret_set)
{
	struct eightbytes value = { 0 };
	Dwarf_Die type;

	*ret_set = 0;
	if (!type_of(function, &type))
		return true;
	if (is_in_memory(&type))
		value.in_memory = true;
	else if (!put_type(&value, &type, 0, 0))
		return false;
	if (value.in_memory) {
		*ret_set = REGISTER_RAX;
		return true;
	}
	return registers_of(&value, ret_set);
}

/* ---- arguments ---------------------------------------------------------- */

struct arguments {
	unsigned int general, vector, words;
	unsigned int vector_words; /* of the largest vector */
};

/* Aggregates: in registers or on the stack, so there is room for the latter. */
static void count_argument(Dwarf_Die *type, struct arguments *arguments)
{
	Dwarf_Word size = 8;
	Dwarf_Die peeled;

	if (!peel(type, &peeled))
		peeled = *type;
	dwarf_aggregate_size(&peeled, &size);
	switch (dwarf_tag(&peeled)) {
	case DW_TAG_structure_type:
	case DW_TAG_class_type:
	case DW_TAG_union_type:
		size += 8;
		break;
	}
	if (has(&peeled, DW_AT_GNU_vector) && size <= 16) {
		arguments->vector++;
		arguments->vector_words = 2;
	} else if (size > 8) {
		arguments->words += (unsigned int)(size / 8 + 2);
	} else if (number(&peeled, DW_AT_encoding, 0) == DW_ATE_float) {
		arguments->vector++;
	} else {
		arguments->general++;
	}
}

static unsigned int above(unsigned int nr, unsigned int limit)
{
	return nr > limit ? nr - limit : 0;
}

static void count_arguments(Dwarf_Die *function, struct convention *convention)
{
	/* One for the address of a result in memory. */
	struct arguments arguments = { .general = 1, .vector_words = 1 };
	Dwarf_Die die, type;

	if (!dwarf_child(function, &die))
		do {
			if (dwarf_tag(&die) == DW_TAG_unspecified_parameters)
				convention->unknown_arguments = true;
			if (dwarf_tag(&die) == DW_TAG_formal_parameter &&
			    type_of(&die, &type))
				count_argument(&type, &arguments);
		} while (!dwarf_siblingof(&die, &die));
	convention->nr_stack_words =
		arguments.words + above(arguments.general, GENERAL_ARGUMENTS) +
		above(arguments.vector, VECTOR_ARGUMENTS) *
			arguments.vector_words;
	/* For what comes before the first aligned one. */
	if (convention->nr_stack_words)
		convention->nr_stack_words += arguments.vector_words - 1;
	if (convention->nr_stack_words > STACK_WORDS_MAX)
		convention->unknown_arguments = true;
}

struct convention convention_of(Dwarf_Die *function)
{
	struct convention convention = { 0 };
	Dwarf_Attribute attribute;
	Dwarf_Die die, origin;

	if (function) {
		die = *function;
		if (dwarf_attr(&die, DW_AT_abstract_origin, &attribute) &&
		    dwarf_formref_die(&attribute, &origin))
			die = origin;
		convention.unknown_results =
			!results_of(&die, &convention.results);
		count_arguments(&die, &convention);
	} else {
		convention.unknown_results = true;
		convention.unknown_arguments = true;
	}
	if (convention.unknown_results)
		convention.results = REGISTER_RAX | REGISTER_RDX |
				     REGISTER_XMM(0) | REGISTER_XMM(1);
	return convention;
}
