/*
 * From one set of active patches to another, with the control blocks telling
 * the truth at every instant:
 *
 *   coming: STAGED, RETIRED...  -> SWITCHING   (stores made)   -> ACTIVE
 *   going:  ACTIVE              -> REVERTING   (stores made)   -> RETIRED
 *
 * All of it happens while every thread is held. Who reads SWITCHING or REVERTING
 * without an agent at work knows that the stores are half done and which ones
 * they are; a process forked meanwhile never inherits them.
 */
#pragma once

#include "operation.h"
#include "switch.h"
#include "target.h"

/**
 * change_run() - make exactly the patches of @after active
 * @after: one flag for each of target->controls
 *
 * Images that go are still mapped afterwards, RETIRED; see retire.h.
 *
 * Return: as switch_run(); on failure states and sites are as before.
 */
int change_run(struct target *target, const bool *after,
	       const struct operation_options *options,
	       struct switch_result *ret_result, struct hf_diag *diag);
