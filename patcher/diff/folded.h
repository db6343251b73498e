/*
 * Functions that the linker has made one (--icf): equal code, several names.
 *
 *	objects		one.o: one		two.o: two
 *	target		one: two:  push %rbp ...	one entry, one jump
 *
 * A patch redirects entries. Where the diff changes one() alone, callers of
 * two() would come to the new one(). What one object calls by several names
 * (aliases, versions) is one function in both builds, and no concern here:
 * see judge_names.c.
 */
#pragma once

#include "change.h"

/**
 * folded_check() - refuse changes of what is something else, too
 *
 * Wants change->target of all of them.
 *
 * Return: 0; -ECANCELED: "function-folded".
 */
int folded_check(const struct build *build, const struct change_set *set,
		 struct hf_diag *diag);
