/*
 * Applying diffs to a source tree so that what did not change stays where it
 * was.
 *
 * A diff that adds a line moves all lines behind it, and with them __LINE__ in
 * every assert(). So after each change the numbering is set back by a #line, at
 * the first place where one may stand:
 *
 *	 10  int a;                        10  int a;
 *	 11  int f(void) {                 11  int f(void) {
 *	                                 + 12      check();
 *	 12      return a;                     #line 12
 *	 13  }                             12      return a;
 *
 * Not inside a comment, a string, a macro that goes on (\), a directive, or the
 * arguments of a macro (any open parenthesis). Grammars (.y, .l) cannot hold
 * one everywhere; the #line lines that bison and flex write into generated
 * code are mapped instead, see generated.h.
 */
#pragma once

#include "../../lib/diag.h"
#include "../array.h"

enum source_change_kind { SOURCE_MODIFIED, SOURCE_ADDED, SOURCE_REMOVED };

/* Lines [new, new + nr_new) stand for [old, old + nr_old); counted from 1. */
struct line_change {
	unsigned int old, nr_old;
	unsigned int new, nr_new;
};

struct source_change {
	enum source_change_kind kind;
	char *path; /* below the tree */
	struct line_change *lines; /* ascending */
	size_t nr_lines;
};

struct source_changes {
	struct source_change *items;
	size_t nr;
};

/**
 * source_patch_apply() - apply @diffs, in order, to @tree
 * @line_map: file to be written for generated.h
 *
 * Unified and context diffs, of git (new, deleted, renamed files, modes), of
 * quilt and of plain diff, -p0 or -p1, as patch(1) takes them; offsets are
 * fine, fuzz is not silently accepted: what patch(1) reports about it goes into
 * @warnings.
 *
 * Return: 0; -ECANCELED: "diff-malformed", "diff-does-not-apply" with the hunk
 * and what stands there instead, "diff-applied-already", "diff-empty",
 * "diff-binary", "diff-outside" for a path that leads out of the tree; -errno.
 * The tree is unchanged then, but for an -errno of writing to it.
 *
 * Changed files are stamped later than everything there was before; that of
 * @line_map, in the same file system, is the same time.
 */
int source_patch_apply(const char *tree, const struct strings *diffs,
		       const char *line_map, struct source_changes *ret_changes,
		       struct strings *warnings, struct hf_diag *diag);

/**
 * source_patch_take_back() - give each changed file the content that it has in
 * @source again, and the time of now
 *
 * Return: 0; -errno.
 */
int source_patch_take_back(const char *tree, const char *source,
			   const struct source_changes *changes,
			   struct hf_diag *diag);
void source_changes_release(struct source_changes *changes);
