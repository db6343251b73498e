/*
 * From a source diff to objects that replace functions: the whole of the
 * source-diff mode up to where it meets that of replacement sources, link.h.
 *
 *	record    build it, watched; patch the source; build again
 *	  |
 *	pair      the objects of this target, before and after
 *	  |
 *	correlate, compare      item by item
 *	  |
 *	select    what the patch must bring
 *	  |
 *	judge     may that be done to a process that runs?
 *	  |
 *	identity  is the rebuilt original what runs?
 *	  |
 *	extract   objects, replacements, imports
 */
#pragma once

#include "change.h"

/* In the place of compile_sources() and replaced_find(). */
int diff_run(struct build *build, struct hf_diag *diag);
