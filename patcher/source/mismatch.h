/*
 * Why a hunk does not apply: what it expects, and what stands there instead.
 */
#pragma once

#include "diff_file.h"

/**
 * mismatch_describe() - add to @diag where @hunk and @text part
 *
 * Compared is the place where most of the hunk's lines are found, the nearest
 * to the one that it names. Says nothing when memory is short.
 */
void mismatch_describe(const struct diff_file *file,
		       const struct diff_section *section,
		       const struct diff_hunk *hunk, const struct buffer *text,
		       struct hf_diag *diag);
