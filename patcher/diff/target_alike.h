/*
 * What of the target may be an item of a unit that was optimised at link time.
 *
 * Numbers in names say little there: "helper.lto_priv.0" is one of several
 * functions called helper, and which one gets which number is decided anew in
 * each link. What stays is the name in the source, the source file, and the
 * function around a static local; the last two by DWARF.
 */
#pragma once

#include "../build.h"
#include "target_index.h"
#include "unit.h"

struct target_alike;

/* Symbols whose names differ from @name in the compiler's numbers only. Return:
   0, also when there is none; -ENOMEM. */
int target_find_alike(const struct build *build, const char *name,
		      struct named *ret_named);

/* Whether such a one begins at @vaddr. */
bool target_is_alike(const struct build *build, const char *name,
		     uint64_t vaddr);

/**
 * target_origin_fits() - whether a symbol may come from where an item does
 *
 * No when both are known to come from other files, or stand in other functions.
 * The directories of the two builds may differ: see target_origin_score().
 */
bool target_origin_fits(const struct build *build, const struct item *item,
			const struct symbol *symbol);

/* How many components the paths of both sources have in common at their end. */
long target_origin_score(const struct build *build, const struct item *item,
			 const struct symbol *symbol);

/* Path components at the end that are the same; "a.c" and "src/a.c": one. */
long path_common_end(const char *a, const char *b);

void target_alike_free(struct target_alike *alike);
