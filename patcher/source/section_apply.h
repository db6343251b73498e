/*
 * One file's hunks, applied by patch(1) to a text: first as they are, then with
 * as much fuzz as patch(1) allows by itself, and when that fails, the reason.
 */
#pragma once

#include "diff_file.h"
#include "scratch.h"

/**
 * section_apply() - @old with the hunks of @section
 * @name: of the file, for messages
 * @warnings: gets a line for each hunk that applied only with fuzz
 *
 * Return: 0; -ECANCELED: "diff-does-not-apply", "diff-applied-already"; -EIO
 * when patch(1) fails; -ENOMEM; -errno.
 */
int section_apply(const struct scratch *scratch, const struct diff_file *file,
		  const struct diff_section *section, const char *name,
		  const struct buffer *old, struct buffer *ret_new,
		  struct strings *warnings, struct hf_diag *diag);
