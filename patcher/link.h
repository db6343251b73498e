/*
 * Objects to shared object, by the compiler's own linker.
 *
 * No library is linked, no start file, no interpreter: what is undefined stays
 * undefined in .dynsym, and becomes an import. libgcc's static helpers
 * (128-bit division and the like) are taken in.
 */
#pragma once

#include "build.h"

/* What a patch cannot have yet: refused by name. */
int link_check_objects(const struct build *build, struct hf_diag *diag);

/* @ours: more objects, of what we generated. */
int link_objects(struct build *build, const struct strings *ours,
		 struct hf_diag *diag);
