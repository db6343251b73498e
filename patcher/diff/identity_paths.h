/*
 * Literals that hold the name of a source file, built in another directory.
 */
#pragma once

#include "identity_check.h"

/**
 * paths_equal() - is the string at @vaddr the same but for that directory?
 *
 * Each place where ours has the directory of the source, theirs has one and
 * the same other absolute path; everything else is equal.
 */
bool paths_equal(const struct check *check, const struct item *string,
		 uint64_t vaddr);

/* @ours has @directory where @theirs has another one. */
bool paths_differ_by_directory(const char *ours, const char *directory,
			       const char *theirs);
