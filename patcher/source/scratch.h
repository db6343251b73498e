/*
 * A directory with the few files that patch(1) and diff(1) work on: `old`,
 * `new` and `part`.
 */
#pragma once

#include "../../lib/cleanup.h"
#include "../../lib/io.h"
#include "source_patch.h"

struct scratch {
	char *directory, *old, *new, *part;
};

int scratch_open(struct scratch *ret_scratch, struct hf_diag *diag);
void scratch_close(struct scratch *scratch);

int scratch_write(const char *path, const struct buffer *text,
		  struct hf_diag *diag);

/**
 * scratch_line_changes() - what diff(1) finds between two texts
 * @ret_lines: owned by the caller
 *
 * Return: 0; -ENOENT without diff(1); -EIO; -ENOMEM; -errno.
 */
int scratch_line_changes(const struct scratch *scratch,
			 const struct buffer *old, const struct buffer *new,
			 struct line_change **ret_lines, size_t *ret_nr,
			 struct hf_diag *diag);
