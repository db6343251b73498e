/*
 * Who calls or jumps to a function, by the target's own code.
 *
 * Every byte of the executable sections is taken for the start of a direct
 * branch; what would lead to the function is then confirmed by decoding the
 * function that it stands in.
 */
#pragma once

#include "build.h"

/**
 * callers_each() - visit the functions that branch directly to @to
 * @found: its result, when not 0, ends the search. @caller is NULL where the
 *         code belongs to no known function, which happens only when names are
 *         missing (symbols.complete is false).
 *
 * Return: 0; -errno; what @found returned.
 */
int callers_each(const struct build *build, uint64_t to,
		 int (*found)(void *context, const struct symbol *caller),
		 void *context);
