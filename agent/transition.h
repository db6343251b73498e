/*
 * What has to be written, and what must not be running, to go from one set of
 * active patches to another. Pure: works on control blocks alone.
 *
 * Who leads a function is decided by the set (sites.h). For every function
 * whose leader changes there are one or two stores; in quiescent mode every
 * version of it but the coming one must be off all stacks.
 *
 *   active before      active after      store at f's entry
 *   {}                 {A}               jump to A's f
 *   {A}                {A,B}             jump to B's f
 *   {A,B}              {B}               none: B leads before and after
 *   {A,B}              {A}               jump to A's f
 *   {A}                {}                f's own bytes
 */
#pragma once

#include "control.h"
#include "operation.h"

/* One store of the switch. */
struct transition_store {
	hf_addr address;
	uint8_t size;
	uint8_t after[15];
	hf_addr site;	      /* the function that it belongs to */
	const char *function; /* its name, borrowed from the controls */
};

/* Code that must be on no stack at the switch. */
struct transition_range {
	struct range range;
	const char *function; /* borrowed from the controls */
};

struct transition {
	struct transition_store *stores; /* in the order of writing */
	size_t nr_stores;
	struct transition_range *ranges;
	size_t nr_ranges;
};

/**
 * transition_plan() - from the present set of active patches to another
 * @controls: every block of the process
 * @after:    for each of @controls, whether it shall be active
 * @ret_transition: borrows from @controls; release with transition_release()
 *
 * "Active before" is every block that may have written to a site: all but
 * STAGED and RETIRED ones.
 *
 * Return: 0; -ECANCELED (code "site-overlap") when two blocks disagree about a
 * function's own bytes; -ENOMEM.
 */
int transition_plan(const struct controls *controls, const bool *after,
		    enum switch_mode mode, struct transition *ret_transition,
		    struct hf_diag *diag);

void transition_release(struct transition *transition);

/**
 * transition_store_known() - whether @bytes may stand where a store goes
 *
 * The function's own bytes, or a jump of any block that may have written one.
 * Anything else is somebody else's work.
 */
bool transition_store_known(const struct controls *controls,
			    const struct transition_store *store,
			    const uint8_t *bytes);
