/*
 * Generated sources and the lines that they say they came from.
 *
 * Used by hotfix-cc when it compiles the patched tree: a source that holds
 * `#line N "gram.y"` for a changed gram.y gets the old numbers back, in place
 * and with its time stamps kept, so that make does not run again for it.
 */
#pragma once

#include "../../lib/diag.h"

/* @line_map: as source_patch_apply() wrote it. Return: 0; -errno. */
int generated_restore_lines(const char *source, const char *directory,
			    const char *line_map, struct hf_diag *diag);
