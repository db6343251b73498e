/*
 * One diff, applied to the overlay: which file each section means, and what is
 * made, removed, renamed or given another mode.
 */
#pragma once

#include "diff_file.h"
#include "overlay.h"
#include "scratch.h"

/**
 * diff_apply() - change @overlay as @file says
 *
 * How many directories are before the names (-p1, -p0) is found by which files
 * are there. On failure @overlay is of no use any more.
 *
 * Return: 0; -ECANCELED: "diff-does-not-apply", "diff-applied-already",
 * "diff-outside", "diff-malformed"; -ENOMEM; -errno.
 */
int diff_apply(struct overlay *overlay, const struct scratch *scratch,
	       const struct diff_file *file, struct strings *warnings,
	       struct hf_diag *diag);
