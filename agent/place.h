/*
 * Finding room for an image near a module.
 *
 *   low |  image  |g| module ... |  heap ->      room kept      | image |
 *                 \ guard page         \ PLACE_GROWTH_ROOM
 *
 * Room below the module comes first: nothing grows towards it. The heap (brk)
 * of a main program grows upwards from its end, the main stack downwards; room
 * that they may want is never taken, for a failing brk(2) or a stack that
 * cannot grow would be our doing, hours later.
 */
#pragma once

#include "../lib/types.h"
#include "procfs.h"

/* Left free above the heap (or where one may begin) and below the stack. */
#define PLACE_GROWTH_ROOM (256ull << 20)

/* x86-64: a rel32 reaches 2 GiB from its own end; the margin spares us proofs
 * about the last bytes. */
#define PLACE_REACH ((2ull << 30) - (1ull << 20))

/**
 * place_find() - a hole of @size bytes from which all of @near is in reach
 * @reach: largest distance, in bytes, either way (2 GiB less a margin)
 * @size:  page-aligned
 * @highest_end: the hole ends there at the latest; UINT64_MAX: anywhere
 *
 * Every byte of the hole reaches every byte of @near. For a program linked to a
 * low address it lies between 1 and 1.5 GiB, if it can: lower down, many a number
 * that the program keeps would look like a pointer into the image, which then
 * could not be unmapped. Otherwise the nearest hole below the module is taken, else the best above it, as far from the heap as the
 * reach allows. A page stays free on both sides, so that no mapping of the
 * target ever merges with ours. The first MiB of the address space is left
 * alone (vm.mmap_min_addr, null pointers with an offset).
 *
 * Return: 0; -ECANCELED when there is none (code "no-room"), or can be none
 * ("module-too-large").
 */
int place_find(const struct mappings *mappings, struct range near,
	       uint64_t reach, uint64_t size, hf_addr highest_end,
	       hf_addr *ret_address, struct hf_diag *diag);
