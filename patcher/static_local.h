/*
 * Static variables of functions, "charge.nr_calls".
 *
 * The symbol table has them as nr_calls.1234. With DWARF the right one is
 * found inside its function; without, only when there is just one.
 */
#pragma once

#include "build.h"

/* Return: 0, also when none was found; -ENOMEM. */
int static_local_find(const struct build *build, const char *name,
		      const char *source, struct symbol_matches *ret_matches);

/* Whether a symbol's name is that of a static variable called @variable. */
bool static_local_is(const char *symbol, const char *variable);
