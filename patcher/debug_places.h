/*
 * What stands where, by DWARF: functions, and variables also inside of
 * functions.
 *
 * The scope is the source's function, also where its code was inlined, cloned
 * or is gone: variables of a function that was inlined everywhere hang below
 * its abstract instance or below the inlined one.
 */
#pragma once

#include "debuginfo.h"

struct debug_place {
	uint64_t vaddr;
	Dwarf_Off die;
	bool is_variable;
	bool external; /* a global of the source */
	const char *scope;  /* of a static local; NULL: none around it */
	const char *source; /* path; NULL: unknown */
};

typedef int debug_place_fn(void *context, const struct debug_place *place);

/* Calls @function for each until it fails. Return: what it returned. */
int debug_places_each(const struct debuginfo *debuginfo,
		      debug_place_fn *function, void *context);
