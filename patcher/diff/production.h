/*
 * Where the target was built, when that was another directory.
 *
 * __FILE__ and the debug information hold the directory that the compiler was
 * started in. The rebuilt objects are given the target's (-ffile-prefix-map), so
 * that the same source gives the same literals.
 */
#pragma once

#include "../build.h"

/**
 * production_prefix_map() - "OUR/DIR=THE/TARGETS" for -ffile-prefix-map
 * @ret_map: owned by the caller; NULL when both are the same, or the target's
 *           is not known
 *
 * Return: 0; -ENOMEM; -errno when the source directory cannot be found.
 */
int production_prefix_map(const struct build *build, char **ret_map,
			  struct hf_diag *diag);
