/*
 * A changed C or C++ source gets its old line numbers back, see source_patch.h.
 */
#pragma once

#include "../../lib/io.h"
#include "source_patch.h"

/* Whether a file of this name is C or C++, so that it may hold a #line. */
bool numbering_fits(const char *path, const struct buffer *text);

/**
 * numbering_keep() - @new with #line where its numbers differ from @old's
 * @changes: from @old to @new
 *
 * A file with #line directives of its own (the output of bison, shipped) keeps
 * what those say.
 *
 * Return: 0; -ENOMEM.
 */
int numbering_keep(const struct buffer *old, const struct buffer *new,
		   const struct line_change *changes, size_t nr_changes,
		   struct buffer *ret_text);
