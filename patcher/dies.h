/*
 * Small steps in trees of DWARF: what a DIE says, and where to go from it.
 */
#pragma once

#include <elfutils/libdw.h>
#include <stdbool.h>
#include <stdint.h>

/* The type of a variable, parameter or function's result; false: void. */
bool type_of(Dwarf_Die *die, Dwarf_Die *ret_type);

/* Types that lead to types: more in a row than any program has. In damaged debug
   information one may lead to itself. */
#define TYPE_CHAIN_MAX 64

/* Follows typedefs, and const, volatile, which do not change the bits. False:
   it ends in void, or not at all. */
bool type_strip(Dwarf_Die *type);

/* Elements of all dimensions; 0 when open, or known at run time only. */
uint64_t type_array_length(Dwarf_Die *array);

/* An attribute that is a number; 0: there is none. */
uint64_t die_number(Dwarf_Die *die, unsigned int name);
bool die_is_declaration(Dwarf_Die *die);

/* Children with a tag; false at the end. */
bool die_first_child(Dwarf_Die *parent, int tag, Dwarf_Die *ret_child);
bool die_next_child(Dwarf_Die *child, int tag);
