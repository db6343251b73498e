/*
 * The objects of one target, before and after the diff.
 *
 * Objects are paired by the name under which the linker read them, archive
 * members too; where that is not the same in both builds (a temporary file), by
 * their source, and where the diff renames that, by what they define. Objects
 * with equal bytes are not looked at again. What was optimised at link time is
 * one object, see optimised.h.
 */
#pragma once

#include "change.h"

/**
 * pair_objects() - open those that differ: set->pairs, set->nr_units
 *
 * Return: 0; -ECANCELED (code "object-lto"); -ENOMEM; -errno.
 */
int pair_objects(const struct link_step *original,
		 const struct link_step *patched, struct change_set *set,
		 struct hf_diag *diag);
