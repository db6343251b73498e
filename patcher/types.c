#include "types.h"

#include <dwarf.h>
#include <stdarg.h>
#include <string.h>

#include "dies.h"

/* Structures in structures are compared; deeper than this, by name. */
#define DEPTH_MAX 4
#define TYPES_PRINTED_MAX 200 /* of one prototype */

struct comparison {
	unsigned int depth;
	struct type_difference *difference;
};

static struct comparison deeper(const struct comparison *in)
{
	return (struct comparison){ in->depth + 1, in->difference };
}

static bool names_equal(Dwarf_Die *a, Dwarf_Die *b)
{
	const char *left = dwarf_diename(a), *right = dwarf_diename(b);

	return !left || !right || !strcmp(left, right);
}

static bool equal(Dwarf_Die *a, Dwarf_Die *b, const struct comparison *in);

/* The innermost difference is found first, and is the one to tell. */
static bool differ(const struct comparison *in, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
static bool differ(const struct comparison *in, const char *format, ...)
{
	struct type_difference *difference = in->difference;
	va_list arguments;

	if (!*difference->text) {
		va_start(arguments, format);
		vsnprintf(difference->text, sizeof(difference->text), format,
			  arguments);
		va_end(arguments);
	}
	return false;
}

static bool child_types_equal(Dwarf_Die *a, Dwarf_Die *b,
			      const struct comparison *in)
{
	Dwarf_Die left, right;
	bool has_left = type_of(a, &left), has_right = type_of(b, &right);

	if (!has_left || !has_right)
		return has_left == has_right;
	return equal(&left, &right, in);
}

/* Name, place and type of one member. */
static bool member_equal(Dwarf_Die *parent, Dwarf_Die *a, Dwarf_Die *b,
			 const struct comparison *in)
{
	static const unsigned int places[] = { DW_AT_data_member_location,
					       DW_AT_data_bit_offset,
					       DW_AT_bit_size };
	const struct comparison inner = deeper(in);
	const char *structure = dwarf_diename(parent) ?: "{...}";
	const char *name = dwarf_diename(a) ?: "{...}";

	if (!names_equal(a, b))
		return differ(in, "in %s, the target has member %s where the "
				  "replacement has %s",
			      structure, name, dwarf_diename(b) ?: "{...}");
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++)
		if (die_number(a, places[i]) != die_number(b, places[i]))
			return differ(in, "member %s of %s is not in the same "
					  "place",
				      name, structure);
	return child_types_equal(a, b, &inner) ||
	       differ(in, "member %s of %s has another type", name, structure);
}

static bool members_equal(Dwarf_Die *a, Dwarf_Die *b,
			  const struct comparison *in)
{
	Dwarf_Die left, right;
	bool more_left = die_first_child(a, DW_TAG_member, &left);
	bool more_right = die_first_child(b, DW_TAG_member, &right);

	while (more_left && more_right) {
		if (!member_equal(a, &left, &right, in))
			return false;
		more_left = die_next_child(&left, DW_TAG_member);
		more_right = die_next_child(&right, DW_TAG_member);
	}
	return more_left == more_right ||
	       differ(in, "%s has more members in %s",
		      dwarf_diename(a) ?: "a structure without name",
		      more_left ? "the target" : "the replacement");
}

static bool parameters_equal(Dwarf_Die *a, Dwarf_Die *b,
			     const struct comparison *in)
{
	Dwarf_Die left, right;
	bool more_left = die_first_child(a, DW_TAG_formal_parameter, &left);
	bool more_right = die_first_child(b, DW_TAG_formal_parameter, &right);
	Dwarf_Die unused;

	while (more_left && more_right) {
		if (!child_types_equal(&left, &right, in))
			return false;
		more_left = die_next_child(&left, DW_TAG_formal_parameter);
		more_right = die_next_child(&right, DW_TAG_formal_parameter);
	}
	return more_left == more_right &&
	       die_first_child(a, DW_TAG_unspecified_parameters, &unused) ==
		       die_first_child(b, DW_TAG_unspecified_parameters, &unused);
}

bool type_is_open_array(Dwarf_Die *type)
{
	return dwarf_tag(type) == DW_TAG_array_type && !type_array_length(type);
}

/* An aggregate only declared may be whatever the other side defines. */
static bool aggregates_equal(Dwarf_Die *a, Dwarf_Die *b,
			     const struct comparison *in)
{
	if (!names_equal(a, b))
		return false;
	if (die_is_declaration(a) || die_is_declaration(b) || in->depth > DEPTH_MAX)
		return true;
	if (!members_equal(a, b, in))
		return false;
	return die_number(a, DW_AT_byte_size) == die_number(b, DW_AT_byte_size) ||
	       differ(in, "%s has %lu bytes in the target, %lu in the "
			  "replacement",
		      dwarf_diename(a) ?: "{...}", die_number(a, DW_AT_byte_size),
		      die_number(b, DW_AT_byte_size));
}

/* Inside structures, what a pointer leads to is compared by name only. */
static bool pointees_equal(Dwarf_Die *a, Dwarf_Die *b,
			   const struct comparison *in)
{
	const struct comparison inner = deeper(in);
	Dwarf_Die left, right;
	bool has_left = type_of(a, &left) && type_strip(&left);
	bool has_right = type_of(b, &right) && type_strip(&right);

	if (!has_left || !has_right)
		return has_left == has_right;
	switch (dwarf_tag(&left)) {
	case DW_TAG_structure_type:
	case DW_TAG_union_type:
		if (in->depth)
			return dwarf_tag(&left) == dwarf_tag(&right) &&
			       names_equal(&left, &right);
		break;
	}
	return in->depth > DEPTH_MAX || equal(&left, &right, &inner);
}

static bool equal(Dwarf_Die *a, Dwarf_Die *b, const struct comparison *in)
{
	const struct comparison inner = deeper(in);
	Dwarf_Die left = *a, right = *b;
	bool has_left = type_strip(&left), has_right = type_strip(&right);

	if (!has_left || !has_right)
		return has_left == has_right;
	if (dwarf_tag(&left) != dwarf_tag(&right) || in->depth > TYPE_CHAIN_MAX)
		return false;
	switch (dwarf_tag(&left)) {
	case DW_TAG_base_type:
		return die_number(&left, DW_AT_byte_size) ==
			       die_number(&right, DW_AT_byte_size) &&
		       die_number(&left, DW_AT_encoding) ==
			       die_number(&right, DW_AT_encoding);
	case DW_TAG_enumeration_type:
		return names_equal(&left, &right) &&
		       die_number(&left, DW_AT_byte_size) ==
			       die_number(&right, DW_AT_byte_size);
	case DW_TAG_pointer_type:
		return pointees_equal(&left, &right, in);
	case DW_TAG_structure_type:
	case DW_TAG_union_type:
		return aggregates_equal(&left, &right, in);
	case DW_TAG_array_type:
		return type_array_length(&left) == type_array_length(&right) &&
		       child_types_equal(&left, &right, &inner);
	case DW_TAG_subroutine_type:
		return in->depth > DEPTH_MAX ||
		       (child_types_equal(&left, &right, &inner) &&
			parameters_equal(&left, &right, &inner));
	default:
		return names_equal(&left, &right);
	}
}

bool types_equal(Dwarf_Die *a, Dwarf_Die *b,
		 struct type_difference *ret_difference)
{
	*ret_difference = (struct type_difference){ 0 };
	return equal(a, b, &(struct comparison){ 0, ret_difference });
}

bool prototypes_equal(Dwarf_Die *a, Dwarf_Die *b,
		      struct type_difference *ret_difference)
{
	const struct comparison in = { 0, ret_difference };

	*ret_difference = (struct type_difference){ 0 };
	return child_types_equal(a, b, &in) && parameters_equal(a, b, &in);
}

/* ---- printing ----------------------------------------------------------- */

/* Damaged debug information may lead to itself: what is too long ends in "...". */
struct printer {
	FILE *file;
	unsigned int nr_left; /* types that may still be printed */
};

static void print_type(struct printer *printer, Dwarf_Die *type);

static void print_named(struct printer *printer, const char *prefix,
			Dwarf_Die *type)
{
	fprintf(printer->file, "%s%s", prefix, dwarf_diename(type) ?: "{...}");
}

static void print_pointee(struct printer *printer, Dwarf_Die *type)
{
	Dwarf_Die pointee;

	if (!type_of(type, &pointee)) {
		fputs("void *", printer->file);
	} else {
		print_type(printer, &pointee);
		fputs(dwarf_tag(&pointee) == DW_TAG_pointer_type ? "*" : " *",
		      printer->file);
	}
}

static void print_qualified(struct printer *printer, const char *word,
			    Dwarf_Die *type)
{
	Dwarf_Die inner;
	bool has_type = type_of(type, &inner);

	fprintf(printer->file, "%s ", word);
	print_type(printer, has_type ? &inner : NULL);
}

static void print_parameters(struct printer *printer, Dwarf_Die *function)
{
	const char *comma = "";
	Dwarf_Die die, type;
	bool more = die_first_child(function, DW_TAG_formal_parameter, &die);

	if (!more)
		fputs("void", printer->file);
	for (; more; more = die_next_child(&die, DW_TAG_formal_parameter)) {
		fputs(comma, printer->file);
		print_type(printer, type_of(&die, &type) ? &type : NULL);
		comma = ", ";
	}
	if (die_first_child(function, DW_TAG_unspecified_parameters, &die))
		fputs(", ...", printer->file);
}

static void print_type(struct printer *printer, Dwarf_Die *type)
{
	Dwarf_Die inner;

	if (!printer->nr_left) {
		fputs("...", printer->file);
		return;
	}
	printer->nr_left--;
	switch (type ? dwarf_tag(type) : DW_TAG_unspecified_type) {
	case DW_TAG_unspecified_type:
		fputs("void", printer->file);
		break;
	case DW_TAG_pointer_type:
		print_pointee(printer, type);
		break;
	case DW_TAG_structure_type:
		print_named(printer, "struct ", type);
		break;
	case DW_TAG_union_type:
		print_named(printer, "union ", type);
		break;
	case DW_TAG_enumeration_type:
		print_named(printer, "enum ", type);
		break;
	case DW_TAG_const_type:
		print_qualified(printer, "const", type);
		break;
	case DW_TAG_volatile_type:
		print_qualified(printer, "volatile", type);
		break;
	case DW_TAG_array_type:
		print_type(printer, type_of(type, &inner) ? &inner : NULL);
		fprintf(printer->file, "[%lu]", type_array_length(type));
		break;
	case DW_TAG_subroutine_type:
		print_type(printer, type_of(type, &inner) ? &inner : NULL);
		fputs(" (", printer->file);
		print_parameters(printer, type);
		fputs(")", printer->file);
		break;
	default:
		print_named(printer, "", type);
	}
}

void type_print(FILE *file, Dwarf_Die *type)
{
	print_type(&(struct printer){ file, TYPES_PRINTED_MAX }, type);
}

void prototype_print(FILE *file, Dwarf_Die *function)
{
	struct printer printer = { file, TYPES_PRINTED_MAX };
	Dwarf_Die type;
	const char *name = dwarf_diename(function);

	print_type(&printer, type_of(function, &type) ? &type : NULL);
	fprintf(file, " %s(", name ?: "?");
	print_parameters(&printer, function);
	fputs(")", file);
}

char *print_to_text(void (*print)(FILE *, Dwarf_Die *), Dwarf_Die *die)
{
	char *text = NULL;
	size_t size;
	FILE *file = open_memstream(&text, &size);

	if (!file)
		return NULL;
	print(file, die);
	fclose(file);
	return text;
}
