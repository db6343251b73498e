/*
 * Where the x86-64 ABI puts a function's result and its arguments on the stack,
 * by its DWARF.
 */
#pragma once

#include <elfutils/libdw.h>
#include <stdbool.h>

#include "registers.h"

struct convention {
	register_set results;	     /* that may carry a result */
	bool unknown_results;	     /* `results` are candidates only */
	unsigned int nr_stack_words; /* upper bound of arguments there */
	bool unknown_arguments;	     /* too many or variable ones */
};

/* @function: NULL when nothing is known of it. */
struct convention convention_of(Dwarf_Die *function);
