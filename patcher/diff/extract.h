/*
 * From the patched objects to objects of the patch.
 *
 * The object is edited, not written anew: sections with nothing selected are
 * excluded (SHF_EXCLUDE: the linker then drops their unwind entries as well),
 * symbols of what stays in the target become undefined, and relocations are
 * led to where they shall go. The linker does the rest.
 *
 * A shared object cannot hold every relocation that code compiled for an
 * executable has: PC-relative ones to things elsewhere, 32-bit absolute ones,
 * local-exec thread-local ones. Those are held back: the object keeps
 * R_X86_64_NONE, and emit.c writes them to .rela.hotfix, since the agent
 * relocates before it maps and places the image within reach.
 */
#pragma once

#include "change.h"

/**
 * extract_objects() - make build->objects, build->replacements,
 * manifest->functions and manifest->imports from the selection
 *
 * Return: 0; -ECANCELED: "symbol-ambiguous", "symbol-missing", "symbol-reach",
 * "needs-exception-tables", "needs-unwind-entries", "too-small" and what site plans refuse; -ENOMEM; -errno.
 */
int extract_objects(struct build *build, struct change_set *set,
		    struct hf_diag *diag);
