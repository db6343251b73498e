/*
 * The switch: all stores of a transition while no thread can run.
 *
 * A thread stands still for as long as one look at it takes, whether the process
 * has ten threads or a thousand; those that are awake, once more and together,
 * for the look at them and the stores. How: switch.c.
 *
 * When a thread is inside, everything runs again, and after a growing gap there
 * is another try, until the wait is used up. A stop that exceeds the allowed
 * pause is given up in the same way.
 *
 * Where that was in vain for a while, threads that leave are kept for the next
 * tries, see gather.h, for as long as a stop may take: --max-pause, or
 * SWITCH_GATHER_NS. So a function that is always busy is switched when every
 * activation of it ends within that time.
 */
#pragma once

#include "busy.h"
#include "clock.h"
#include "operation.h"
#include "target.h"
#include "transition.h"

/* Where a switch stands; but for the first, while everything is held. */
enum switch_step {
	SWITCH_NEARS,  /* everything runs; there may be none */
	SWITCH_BEGINS, /* no store is made yet */
	SWITCH_DONE,   /* all are made */
	SWITCH_UNDONE, /* one failed, and all are taken back */
};

/* The longest that a thread is kept while others are still inside. */
#define SWITCH_GATHER_NS (20 * NS_PER_MS)

struct switch_request {
	struct target *target; /* mappings and modules are read afresh */
	const struct transition *transition;
	const struct operation_options *options;
	/*
	 * Images that go out of use: told in `leaving_free` whether any thread
	 * still refers to one, by any register or word on its stack.
	 */
	const struct range *leaving;
	size_t nr_leaving;
	hf_addr gates; /* return gates for busy functions; 0: none */
	/*
	 * Told of each step, to put it on record in the target. A failure of
	 * the first two undoes the switch. NULL: nobody is told.
	 */
	int (*tell)(void *context, enum switch_step step, struct hf_diag *diag);
	void *context;
};

struct switch_result {
	uint64_t pause_ns; /* of the joint stop that did it */
	uint64_t longest_stop_ns;
	uint64_t wait_ns;
	unsigned int attempts;
	size_t nr_threads;
	bool leaving_free; /* no thread refers to any of `leaving` */
	/* Who was in the way, when it was given up for them; owned (free). */
	struct busy_list *busy;
};

/**
 * switch_run() - make a transition true
 *
 * On failure every byte is as it was before.
 *
 * Return: 0; -ETIMEDOUT with the threads in the way, or that the stop would
 * take longer than allowed; -ECANCELED a site was changed by somebody else;
 * -ESRCH; -errno.
 */
int switch_run(const struct switch_request *request,
	       struct switch_result *ret_result, struct hf_diag *diag);
