/*
 * The stores of a transition in a process's memory. What stood at each before is
 * kept, so that nothing of anybody else's is overwritten, and all can be undone.
 */
#pragma once

#include "target.h"
#include "transition.h"

struct stores {
	const struct target *target;		 /* borrowed */
	const struct transition *transition; /* borrowed */
	uint8_t (*before)[15]; /* what stood at each; owned (free) */
};

/**
 * stores_observe() - see what stands where the stores go
 * @ret_stores: release with stores_release(), also after a failure
 *
 * Return: 0; -ECANCELED (code "site-changed"): somebody else's bytes; -ESRCH;
 * -ENOMEM; -errno.
 */
int stores_observe(struct stores *ret_stores, const struct target *target,
		   const struct transition *transition, struct hf_diag *diag);

void stores_release(struct stores *stores);

/* Whether all is as it was observed. Return: 0; -ECANCELED; -errno. */
int stores_still_same(const struct stores *stores, struct hf_diag *diag);

/*
 * Has the kernel make the process's own copies of the pages to be written, which
 * takes longer than the writing: what stands there is written over itself.
 */
void stores_prepare(const struct stores *stores);

/* All of them or none. Return: 0; -errno. */
int stores_write(const struct stores *stores, struct hf_diag *diag);

/* As if nothing had been written. */
void stores_undo(const struct stores *stores);
