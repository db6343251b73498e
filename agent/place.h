/*
 * Finding room for an image near a module.
 */
#pragma once

#include "../lib/types.h"
#include "procfs.h"

/**
 * place_find() - a hole of @size bytes from which all of @near is in reach
 * @reach: largest distance, in bytes, either way (2 GiB less a margin)
 *
 * Every byte of the hole reaches every byte of @near. Prefers room above the
 * module and away from the heap's way up; keeps a guard page's distance (and
 * the stack guard gap) to neighbours; respects vm.mmap_min_addr.
 *
 * Return: 0; -ECANCELED (code "no-room") when there is none.
 */
int place_find(const struct mappings *mappings, struct range near,
	       uint64_t reach, uint64_t size, hf_addr *ret_address,
	       struct hf_diag *diag);
