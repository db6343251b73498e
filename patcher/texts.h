/*
 * The diffs, or the replacement sources, that go into the patch file (patch_text.h),
 * so that months later somebody can still read what was changed.
 */
#pragma once

#include <elf.h>

#include "../lib/diag.h"
#include "options.h"
#include "tail.h"

/**
 * texts_add() - append a note for each, and fill in @section
 *
 * Together they have PATCH_TEXTS_SIZE_MAX bytes at most: what is beyond is cut.
 * Of more than PATCH_TEXTS_MAX files the last ones are left out.
 *
 * Return: 0; -ENOMEM; -errno of reading them.
 */
int texts_add(const struct options *options, struct tail *tail,
	      Elf64_Shdr *section, struct hf_diag *diag);
