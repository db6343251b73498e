/*
 * The guard: a process of our own that takes a patch back when nobody else can.
 *
 *   hotfix   ---- applies ---- observes ---- done ----> ends
 *               |                              |
 *   guard       +-- dies: take all back        +-- waits to be confirmed, if asked
 *                                                  for; in vain: take all back
 *
 * It belongs to no terminal and no session, and nobody's end is its own. Where it
 * is killed nothing is taken back; `hotfix status` says so.
 */
#pragma once

#include "../lib/patch_file.h"
#include "pids.h"

struct guard;

struct guard_request {
	const struct patch_file *patch; /* borrowed, as is the next */
	const struct pids *pids; /* where it may be applied from now on */
	uint64_t confirm_within_ns; /* 0: needs no confirmation */
};

/**
 * guard_begin() - before the first process is touched
 * @ret_guard: owned by the caller; one of the functions below ends it. Were we to
 *             end without one of them, it takes everything back at once
 *
 * Return: 0; -errno: there can be no guard, and nothing should be done.
 */
int guard_begin(const struct guard_request *request, struct guard **ret_guard,
		struct hf_diag *diag);

/* Everything was applied, or taken back: its work is done. */
void guard_dismiss(struct guard *guard);

/**
 * guard_arm() - from now on it waits to be confirmed
 * @ret_deadline_ns: CLOCK_REALTIME
 *
 * Return: 0; -EIO it has died.
 */
int guard_arm(struct guard *guard, int64_t *ret_deadline_ns,
	      struct hf_diag *diag);
