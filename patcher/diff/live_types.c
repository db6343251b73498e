#include "live_types.h"

#include <stdarg.h>
#include <string.h>

#include "../../lib/cleanup.h"
#include "../types.h"

/* Types that refer to each other end here at the latest. */
#define DEPTH_MAX 24

/* A pair that is being compared further out: taken as fitting inside. */
struct assumption {
	const struct assumption *outer;
	const void *old, *new;
	unsigned int depth;
};

struct member {
	Dwarf_Die die;
	const char *name;    /* "" where it has none */
	uint64_t bit, width; /* width 0: no bit-field */
};

static bool value_fits(Dwarf_Die *old, Dwarf_Die *new,
		       const struct assumption *outer);

/* ---- words -------------------------------------------------------------- */

static void say(struct live_difference *difference, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
static void say(struct live_difference *difference, const char *format, ...)
{
	size_t used;
	va_list arguments;

	if (!difference)
		return;
	used = strlen(difference->text);
	if (used)
		used += (size_t)snprintf(difference->text + used,
					 sizeof(difference->text) - used, "; ");
	if (used >= sizeof(difference->text))
		return;
	va_start(arguments, format);
	vsnprintf(difference->text + used, sizeof(difference->text) - used,
		  format, arguments);
	va_end(arguments);
}

static char *type_text(Dwarf_Die *die)
{
	Dwarf_Die type;

	return type_of(die, &type) ? print_to_text(type_print, &type) :
				     strdup("void");
}

static void say_place(const struct member *member, char *text, size_t size)
{
	if (member->width)
		snprintf(text, size, "byte %lu, bit %lu", member->bit / 8,
			 member->bit % 8);
	else
		snprintf(text, size, "byte %lu", member->bit / 8);
}

/* ---- values ------------------------------------------------------------- */

static bool is_number(Dwarf_Word encoding)
{
	switch (encoding) {
	case DW_ATE_signed:
	case DW_ATE_unsigned:
	case DW_ATE_signed_char:
	case DW_ATE_unsigned_char:
	case DW_ATE_UTF:
	case DW_ATE_ASCII:
		return true;
	default:
		return false;
	}
}

static bool base_fits(Dwarf_Die *old, Dwarf_Die *new)
{
	uint64_t left = die_number(old, DW_AT_encoding);
	uint64_t right = die_number(new, DW_AT_encoding);

	return die_number(old, DW_AT_byte_size) ==
		       die_number(new, DW_AT_byte_size) &&
	       (left == right || (is_number(left) && is_number(right)));
}

/* A typedef names the structure without a name that stands behind it. */
static const char *aggregate_name(Dwarf_Die *type)
{
	Dwarf_Die die = *type;
	const char *name = NULL;

	for (unsigned int i = 0; i < TYPE_CHAIN_MAX; i++) {
		if (is_aggregate_tag(dwarf_tag(&die)))
			return dwarf_diename(&die) ?: name;
		if (dwarf_tag(&die) == DW_TAG_typedef)
			name = dwarf_diename(&die);
		if (!type_of(&die, &die))
			break;
	}
	return NULL;
}

static bool members_fit(Dwarf_Die *old, Dwarf_Die *new,
			const struct assumption *outer,
			struct live_difference *difference);

static bool contents_fit(Dwarf_Die *old, Dwarf_Die *new,
			 const struct assumption *outer)
{
	const struct assumption here = { outer, old->addr, new->addr,
					 outer ? outer->depth + 1 : 0 };

	if (die_is_declaration(old) || die_is_declaration(new) ||
	    here.depth > DEPTH_MAX)
		return false;
	for (; outer; outer = outer->outer)
		if (outer->old == old->addr && outer->new == new->addr)
			return true;
	return die_number(old, DW_AT_byte_size) ==
		       die_number(new, DW_AT_byte_size) &&
	       members_fit(old, new, &here, NULL);
}

static bool aggregate_fits(Dwarf_Die *old_type, Dwarf_Die *new_type,
			   Dwarf_Die *old, Dwarf_Die *new,
			   const struct assumption *outer)
{
	const char *left = aggregate_name(old_type);
	const char *right = aggregate_name(new_type);

	if (left && right && !strcmp(left, right))
		return true;
	return contents_fit(old, new, outer);
}

/* Of members, elements, pointers: what they are of. */
static bool inner_fits(Dwarf_Die *old, Dwarf_Die *new, bool void_fits_all,
		       const struct assumption *outer)
{
	Dwarf_Die left, right;
	bool has_left = type_of(old, &left), has_right = type_of(new, &right);

	if (!has_left || !has_right)
		return has_left == has_right || void_fits_all;
	return value_fits(&left, &right, outer);
}

/* Smaller than an int: callers extend it, by its sign. */
static bool extension_fits(Dwarf_Die *old, Dwarf_Die *new)
{
	Dwarf_Die left, right;
	uint64_t was, is;

	if (!type_of(old, &left) || !type_of(new, &right) ||
	    !type_strip(&left) || !type_strip(&right) ||
	    dwarf_tag(&left) != DW_TAG_base_type ||
	    die_number(&left, DW_AT_byte_size) >= sizeof(int))
		return true;
	was = die_number(&left, DW_AT_encoding);
	is = die_number(&right, DW_AT_encoding);
	return (was == DW_ATE_signed || was == DW_ATE_signed_char) ==
	       (is == DW_ATE_signed || is == DW_ATE_signed_char);
}

static bool parameters_fit(Dwarf_Die *old, Dwarf_Die *new,
			   const struct assumption *outer)
{
	static const int tag = DW_TAG_formal_parameter;
	Dwarf_Die left, right, rest;
	bool more_left = die_first_child(old, tag, &left);
	bool more_right = die_first_child(new, tag, &right);

	while (more_left && more_right) {
		if (!inner_fits(&left, &right, false, outer) ||
		    !extension_fits(&left, &right))
			return false;
		more_left = die_next_child(&left, tag);
		more_right = die_next_child(&right, tag);
	}
	return more_left == more_right &&
	       die_first_child(old, DW_TAG_unspecified_parameters, &rest) ==
		       die_first_child(new, DW_TAG_unspecified_parameters,
				       &rest);
}

static bool signature_fits(Dwarf_Die *old, Dwarf_Die *new,
			   const struct assumption *outer)
{
	const struct assumption here = { outer, old->addr, new->addr,
					 outer ? outer->depth + 1 : 0 };
	Dwarf_Die result;

	if (here.depth > DEPTH_MAX)
		return false;
	return (!type_of(old, &result) ||
		(inner_fits(old, new, false, &here) &&
		 extension_fits(old, new))) &&
	       parameters_fit(old, new, &here);
}

/* "extern int x[];" may be of any length. */
static bool lengths_fit(Dwarf_Die *old, Dwarf_Die *new)
{
	return type_is_open_array(old) || type_is_open_array(new) ||
	       type_array_length(old) == type_array_length(new);
}

/* Of the same size, and holding what the other one did. */
static bool kinds_fit(Dwarf_Die *old, Dwarf_Die *new)
{
	int left = dwarf_tag(old), right = dwarf_tag(new);

	return (left == DW_TAG_enumeration_type || left == DW_TAG_base_type) &&
	       (right == DW_TAG_enumeration_type ||
		right == DW_TAG_base_type) &&
	       die_number(old, DW_AT_byte_size) ==
		       die_number(new, DW_AT_byte_size) &&
	       is_number(left == DW_TAG_base_type ?
				 die_number(old, DW_AT_encoding) :
				 die_number(new, DW_AT_encoding));
}

/* Of the class whose members "int c::*" points to; NULL: it has no name. */
static const char *class_pointed_into(Dwarf_Die *pointer)
{
	Dwarf_Attribute attribute;
	Dwarf_Die class;

	return dwarf_formref_die(dwarf_attr(pointer, DW_AT_containing_type,
					    &attribute),
				 &class) ?
		       dwarf_diename(&class) :
		       NULL;
}

static bool member_pointer_fits(Dwarf_Die *old, Dwarf_Die *new,
				const struct assumption *outer)
{
	const char *left = class_pointed_into(old);
	const char *right = class_pointed_into(new);

	return left && right && !strcmp(left, right) &&
	       inner_fits(old, new, false, outer);
}

static bool stripped_fits(Dwarf_Die *old, Dwarf_Die *new,
			  const struct assumption *outer)
{
	const char *left = dwarf_diename(old), *right = dwarf_diename(new);

	switch (dwarf_tag(old)) {
	case DW_TAG_base_type:
		return base_fits(old, new);
	case DW_TAG_enumeration_type:
		return die_number(old, DW_AT_byte_size) ==
		       die_number(new, DW_AT_byte_size);
	case DW_TAG_pointer_type:
	case DW_TAG_reference_type:
	case DW_TAG_rvalue_reference_type:
		return inner_fits(old, new, true, outer);
	case DW_TAG_ptr_to_member_type:
		return member_pointer_fits(old, new, outer);
	case DW_TAG_array_type:
		return lengths_fit(old, new) &&
		       inner_fits(old, new, false, outer);
	case DW_TAG_subroutine_type:
		return signature_fits(old, new, outer);
	default:
		return left && right && !strcmp(left, right);
	}
}

static bool value_fits(Dwarf_Die *old, Dwarf_Die *new,
		       const struct assumption *outer)
{
	const struct assumption here = { outer, NULL, NULL,
					 outer ? outer->depth + 1 : 0 };
	Dwarf_Die left = *old, right = *new;
	bool has_left = type_strip(&left), has_right = type_strip(&right);

	if (!has_left || !has_right)
		return has_left == has_right;
	/* Pointers to pointers, without an end in damaged files. */
	if (here.depth > DEPTH_MAX)
		return false;
	if (is_aggregate_tag(dwarf_tag(&left)) &&
	    is_aggregate_tag(dwarf_tag(&right)))
		return aggregate_fits(old, new, &left, &right, &here);
	if (dwarf_tag(&left) != dwarf_tag(&right))
		return kinds_fit(&left, &right);
	return stripped_fits(&left, &right, &here);
}

/* ---- members ------------------------------------------------------------ */

/* Static members of C++ have no place in the object. */
static bool is_member(Dwarf_Die *die)
{
	return (dwarf_tag(die) == DW_TAG_member && !die_is_declaration(die) &&
		!dwarf_hasattr(die, DW_AT_external)) ||
	       dwarf_tag(die) == DW_TAG_inheritance;
}

/*
 * The first bit. Older descriptions count it from the highest bit of the number
 * that it is stored in.
 */
static uint64_t first_bit(Dwarf_Die *die)
{
	uint64_t start = 8 * die_number(die, DW_AT_data_member_location);
	uint64_t width = die_number(die, DW_AT_bit_size);
	uint64_t size = die_number(die, DW_AT_byte_size);
	Dwarf_Die type;

	if (!dwarf_hasattr(die, DW_AT_bit_offset))
		return start + die_number(die, DW_AT_data_bit_offset);
	if (!size && type_of(die, &type) && type_strip(&type))
		size = die_number(&type, DW_AT_byte_size);
	return start + 8 * size - width - die_number(die, DW_AT_bit_offset);
}

static bool read_member(Dwarf_Die *die, bool more, struct member *ret_member)
{
	while (more && !is_member(die))
		more = !dwarf_siblingof(die, die);
	if (!more)
		return false;
	*ret_member = (struct member){
		.die = *die,
		.name = dwarf_diename(die) ?: "",
		.bit = first_bit(die),
		.width = die_number(die, DW_AT_bit_size),
	};
	return true;
}

static bool first_member(Dwarf_Die *parent, struct member *ret_member)
{
	Dwarf_Die die;

	return read_member(&die, !dwarf_child(parent, &die), ret_member);
}

static bool next_member(struct member *member)
{
	Dwarf_Die die = member->die;

	return read_member(&die, !dwarf_siblingof(&die, &die), member);
}

static bool find_member(Dwarf_Die *parent, const char *name,
			struct member *ret_member)
{
	struct member member;

	for (bool more = first_member(parent, &member); more && *name;
	     more = next_member(&member))
		if (!strcmp(member.name, name)) {
			*ret_member = member;
			return true;
		}
	return false;
}

static bool same_place(const struct member *a, const struct member *b)
{
	return a->bit == b->bit && a->width == b->width;
}

static void say_type(const struct member *old, const struct member *new,
		     struct live_difference *difference)
{
	struct member left = *old, right = *new;
	owned(free_p) char *was = type_text(&left.die);
	owned(free_p) char *is = type_text(&right.die);
	char place[48];

	say_place(old, place, sizeof(place));
	say(difference, "member %s at %s is %s, in the patched source %s",
	    *old->name ? old->name : "without a name", place, was ?: "?",
	    is ?: "?");
}

/* Where the lists part: what moved, came or went. @old, @new: may be NULL. */
static void say_parting(Dwarf_Die *old_type, Dwarf_Die *new_type,
			const struct member *old, const struct member *new,
			struct live_difference *difference)
{
	struct member other;
	char here[48], there[48];

	if (!difference)
		return;
	if (new && find_member(old_type, new->name, &other)) {
		say_place(&other, here, sizeof(here));
		say_place(new, there, sizeof(there));
		if (same_place(&other, new))
			say(difference, "member %s has another order",
			    new->name);
		else
			say(difference,
			    "member %s is at %s, in the patched source at %s",
			    new->name, here, there);
	} else if (new && (!old || find_member(new_type, old->name, &other))) {
		say_place(new, there, sizeof(there));
		say(difference, "new member %s at %s",
		    *new->name ? new->name : "without a name", there);
	} else if (old) {
		say_place(old, here, sizeof(here));
		say(difference, "member %s at %s is gone",
		    *old->name ? old->name : "without a name", here);
	}
}

/* A new name for a place, and not another member that was moved there. */
static bool is_renamed(Dwarf_Die *old_type, const struct member *new)
{
	struct member other;

	return !find_member(old_type, new->name, &other) ||
	       same_place(&other, new);
}

static bool members_fit(Dwarf_Die *old, Dwarf_Die *new,
			const struct assumption *outer,
			struct live_difference *difference)
{
	struct member left, right;
	bool more_left = first_member(old, &left);
	bool more_right = first_member(new, &right);

	while (more_left && more_right) {
		if (!same_place(&left, &right) || !is_renamed(old, &right)) {
			say_parting(old, new, &left, &right, difference);
			return false;
		}
		if (!inner_fits(&left.die, &right.die, false, outer)) {
			say_type(&left, &right, difference);
			return false;
		}
		more_left = next_member(&left);
		more_right = next_member(&right);
	}
	/* Nothing that lives holds a union's new alternative. */
	if (!more_left &&
	    (!more_right || dwarf_tag(new) == DW_TAG_union_type))
		return true;
	say_parting(old, new, more_left ? &left : NULL,
		    more_right ? &right : NULL, difference);
	return false;
}

/* ---- enumerations ------------------------------------------------------- */

static bool value_of(Dwarf_Die *enumerator, Dwarf_Sword *ret_value)
{
	Dwarf_Attribute attribute;

	return !dwarf_formsdata(dwarf_attr(enumerator, DW_AT_const_value,
					   &attribute),
				ret_value);
}

/* The enumerator with that name, or where that is NULL, with that value. */
static bool find_enumerator(Dwarf_Die *type, const char *name,
			    Dwarf_Sword value, Dwarf_Sword *ret_value)
{
	Dwarf_Die die;
	bool more = die_first_child(type, DW_TAG_enumerator, &die);

	for (; more; more = die_next_child(&die, DW_TAG_enumerator)) {
		if (!value_of(&die, ret_value))
			continue;
		if (name ? !strcmp(dwarf_diename(&die) ?: "", name) :
			   *ret_value == value)
			return true;
	}
	return false;
}

static bool enumerators_fit(Dwarf_Die *old, Dwarf_Die *new,
			    struct live_difference *difference)
{
	Dwarf_Die die;
	bool more = die_first_child(old, DW_TAG_enumerator, &die);

	for (; more; more = die_next_child(&die, DW_TAG_enumerator)) {
		const char *name = dwarf_diename(&die);
		Dwarf_Sword was, is;

		if (!name || !value_of(&die, &was))
			continue;
		if (find_enumerator(new, name, 0, &is)) {
			if (was == is)
				continue;
			say(difference, "%s is %ld, in the patched source %ld",
			    name, was, is);
			return false;
		}
		/* A constant that nobody can hold may go. */
		if (!dwarf_diename(old) || find_enumerator(new, NULL, was, &is))
			continue;
		say(difference, "%s (%ld) is gone", name, was);
		return false;
	}
	return true;
}

/* ---- all of it ---------------------------------------------------------- */

static bool sizes_fit(Dwarf_Die *old, Dwarf_Die *new,
		      struct live_difference *difference)
{
	uint64_t was = die_number(old, DW_AT_byte_size);
	uint64_t is = die_number(new, DW_AT_byte_size);

	if (was != is)
		say(difference, "%lu bytes, in the patched source %lu", was,
		    is);
	else if (die_number(old, DW_AT_alignment) !=
		 die_number(new, DW_AT_alignment))
		say(difference, "another alignment");
	else
		return true;
	return false;
}

bool live_type_fits(Dwarf_Die *old, Dwarf_Die *new,
		    struct live_difference *ret_difference)
{
	const struct assumption self = { NULL, old->addr, new->addr, 0 };
	bool fits;

	*ret_difference = (struct live_difference){ 0 };
	fits = sizes_fit(old, new, ret_difference);
	if (dwarf_tag(old) == DW_TAG_enumeration_type)
		return enumerators_fit(old, new, ret_difference) && fits;
	return members_fit(old, new, &self, ret_difference) && fits;
}

/* How many there are is a question of the variable's size. */
static bool elements_fit(Dwarf_Die *old, Dwarf_Die *new)
{
	Dwarf_Die left, right;

	return type_of(old, &left) && type_strip(&left) &&
	       type_of(new, &right) && type_strip(&right) &&
	       dwarf_tag(&left) == DW_TAG_array_type &&
	       dwarf_tag(&right) == DW_TAG_array_type &&
	       inner_fits(&left, &right, false, NULL);
}

bool live_value_fits(Dwarf_Die *old, Dwarf_Die *new,
		     struct live_difference *ret_difference)
{
	owned(free_p) char *was = NULL;
	owned(free_p) char *is = NULL;

	*ret_difference = (struct live_difference){ 0 };
	if (inner_fits(old, new, false, NULL) || elements_fit(old, new))
		return true;
	was = type_text(old);
	is = type_text(new);
	say(ret_difference, "it is %s, in the patched source %s", was ?: "?",
	    is ?: "?");
	return false;
}

bool live_prototype_fits(Dwarf_Die *old, Dwarf_Die *new)
{
	return signature_fits(old, new, NULL);
}
