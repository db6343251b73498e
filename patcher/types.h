/*
 * C types of two programs, compared by structure.
 *
 * Names of typedefs do not matter, what they stand for does. A structure is
 * equal when name, size and members (name, offset, type) are; the pointers
 * inside are compared by the name of what they point to, which ends every
 * cycle.
 */
#pragma once

#include <stdio.h>

#include "dies.h"

/* The first place where two structures differ, in words; "" when elsewhere. */
struct type_difference {
	char text[256];
};

/* Whether values of both types can stand for each other. */
bool types_equal(Dwarf_Die *a, Dwarf_Die *b,
		 struct type_difference *ret_difference);

/* "extern int x[];" may be of any length. */
bool type_is_open_array(Dwarf_Die *type);

/* The type as C writes it, for messages. @type NULL: "void". */
void type_print(FILE *file, Dwarf_Die *type);

/* The whole prototype of a function. */
void prototype_print(FILE *file, Dwarf_Die *function);

/* What one of these prints, owned by the caller; NULL: ENOMEM. */
char *print_to_text(void (*print)(FILE *, Dwarf_Die *), Dwarf_Die *die);

/* Whether results and parameters of two functions are equal. */
bool prototypes_equal(Dwarf_Die *a, Dwarf_Die *b,
		      struct type_difference *ret_difference);
