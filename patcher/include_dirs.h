/*
 * Where the headers of a compilation unit are.
 *
 * Debug information records no -I options, but the line table lists the
 * directory of every header that code or types came from. `#include <app/job.h>`
 * leaves "include/app" there, so the directories above are candidates as well, as
 * far as the tree goes that the unit was compiled in.
 */
#pragma once

#include <elfutils/libdw.h>

#include <stdbool.h>

#include "array.h"

/* Whether @path is one of the directories that the compiler knows by itself. */
bool include_is_of_system(const char *path);

/**
 * include_dirs_of_unit() - directories of the unit's own headers, absolute
 * @directory: where the unit was compiled
 *
 * Only those that are on this machine; the system's own are left out. Empty when
 * the tree is not here.
 *
 * Return: 0; -ENOMEM.
 */
int include_dirs_of_unit(Dwarf_Die *unit, const char *directory,
			 struct strings *ret_directories);
