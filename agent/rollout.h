/*
 * A patch for a service, carefully: in waves, observed, and taken back from all of
 * them when something is not as it was.
 *
 *   wave 1        wave 2                wave 3
 *   [apply]observe[apply]....observe....[apply].............observe      done
 *                      |                                             confirmed
 *                      +-- not well --> [revert everything] --> reason
 *
 * From the first process to the last a guard (guard.h) stands by, so that our own
 * death takes everything back as well.
 */
#pragma once

#include "batch.h"
#include "proc_events.h"
#include "rollout_options.h"

/* Whether anything of it was asked for. */
bool rollout_is_wanted(const struct rollout_options *options);

/**
 * rollout_listen() - begin to hear of processes that end
 *
 * Before privileges are given up that only this needs. Where it cannot be had a
 * warning says so.
 *
 * Return: owned by the caller; NULL: not wanted, or not to be had.
 */
struct proc_events *rollout_listen(const struct rollout_options *options,
			     struct output *output);

/**
 * rollout_run() - apply by waves
 * @step:  how one process is patched; its `file` is the patch
 * @events: of rollout_listen(); borrowed
 *
 * Prints its own errors. Return: the exit status: 0 all patched and well; 1 (error
 * code of observe.h, or "not-atomic") all taken back; 5 some were not patched, or
 * not taken back.
 */
enum hf_exit rollout_run(struct output *output, const struct pids *pids,
			 const struct batch_step *step,
			 const struct operation_options *operation,
			 const struct rollout_options *options,
			 struct proc_events *events);

/* In what waves it would be done; for --dry-run. */
void rollout_tell_plan(struct output *output, size_t nr_processes,
		       const struct rollout_options *options);
