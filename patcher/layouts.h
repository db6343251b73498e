/*
 * Structures that the patch was compiled with, against the target's.
 *
 * A fix that includes the target's headers without a -D of its build can get
 * structures that look right in the source and are laid out differently, and
 * debug information of the target does not tell which -D there were. But it has
 * the layouts. So every named structure, union and enumeration that a source of
 * the patch uses is compared with the one of that name in the target's source file
 * whose function it replaces; where that file has none, with those that come from a
 * header of the same name in any other file of the target.
 */
#pragma once

#include "build.h"

/**
 * layouts_check() - compare them all
 * @patch: debug information of the linked patch
 *
 * Return: 0; -ECANCELED (code "type-mismatch"); -ENOMEM.
 */
int layouts_check(struct build *build, const struct debuginfo *patch,
		  struct hf_diag *diag);
