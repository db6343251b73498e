/*
 * Copies of a replaced function that would keep running the old code.
 *
 * The compiler may have inlined it into callers (DW_TAG_inlined_subroutine), or
 * made clones (.isra, .constprop, .part) that callers use instead. Each copy
 * must be in a function that this patch replaces too; otherwise the patch is
 * refused, with the callers named.
 */
#pragma once

#include "build.h"

/**
 * inlines_check() - look for copies of every replaced function
 *
 * With --allow-inlined what is found becomes a warning.
 *
 * Return: 0; -ECANCELED (code "inlined"); -ENOMEM.
 */
int inlines_check(struct build *build, struct hf_diag *diag);

/*
 * Where nothing called @name has code in the target: adds to @diag that its
 * source has such a function all the same. Return: whether it has.
 */
bool inlines_explain_missing(const struct build *build, const char *name,
			     struct hf_diag *diag);

/* Return: 0 when no function of that name was inlined; -ECANCELED; -ENOMEM. */
int inlines_refuse_if_only_inlined(const struct build *build, const char *name,
				   struct hf_diag *diag);
