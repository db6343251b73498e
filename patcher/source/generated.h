/*
 * Generated sources, and the lines that they had before.
 *
 * Used by hotfix-cc when it compiles the patched tree: a source that was made
 * anew gets its old numbers back, in place and with its time stamps kept, so
 * that make does not run again for it. In two ways:
 *
 * 1. `#line N "gram.y"` for a changed gram.y is corrected by the line map.
 * 2. What says nothing of where it comes from (a script that concatenates
 *    sources, and drops every #line in them) is compared with what the
 *    original build had in its place, as a changed source is with itself:
 *
 *	generated/all.c      tree/all.c
 *	  1 int a;             int a;
 *	                       int b;          the fix, in one of the parts
 *	                       #line 2         put in, see numbering.h
 *	  2 assert(a);         assert(a);
 *
 * Lines are only ever added that give numbers; a #line of the text may get
 * another number. The rest of the text stays what it is.
 */
#pragma once

#include <stdbool.h>

#include "../../lib/diag.h"

struct generated_origin {
	const char *line_map;  /* as source_patch_apply() wrote it */
	const char *generated; /* as generated_files_keep() did; NULL */
};

/* @directory: of the compiler, for names in #line. Return: 0; -errno. */
int generated_restore_lines(const char *source, const char *directory,
			    const struct generated_origin *origin,
			    struct hf_diag *diag);

/**
 * generated_lines_moved() - whether a file was made anew with another number of
 * lines than before, and has not got its numbers back yet
 * @name: its path below the tree
 *
 * It is only read: it may be half written.
 */
bool generated_lines_moved(const char *path, const char *name,
			   const struct generated_origin *origin);
