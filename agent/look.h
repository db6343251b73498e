/*
 * One look at a thread before a switch: is it in the way?
 *
 * What is asked of every thread alike is worked out once, before anybody is
 * stopped.
 */
#pragma once

#include "stack.h"
#include "target.h"

/* What a look finds; 0: nothing of it. */
#define LOOK_INSIDE 1 /* the thread is in code that is to be switched */
#define LOOK_REFERS 2 /* not that, but it refers to an image that leaves */

struct look {
	struct stack_query inside; /* its unwinder is ours */
	struct stack_query leaving; /* of no ranges: nothing leaves */
	struct stack_hit hit;	    /* of the last thread that was inside */
};

/**
 * look_begin() - prepare to look at the threads of a target
 * @target:  its mappings must be of now; borrowed until look_end()
 * @ranges:  the code that must be on no stack; borrowed
 * @leaving: images that go out of use; borrowed
 *
 * Return: 0; -ENOMEM.
 */
int look_begin(struct look *look, const struct target *target,
	       const struct range *ranges, size_t nr_ranges,
	       const struct range *leaving, size_t nr_leaving, bool scan_all,
	       struct hf_diag *diag);

void look_end(struct look *look);

/**
 * look_at() - a thread_visit of tracee.h
 * @look: a struct look
 *
 * Return: LOOK_*; -errno.
 */
int look_at(void *look, const struct thread *thread, struct hf_diag *diag);

/* Frames in the replacements of other patches are frames like any other. */
int look_unwinder(const struct target *target, struct unwinder **ret_unwinder,
		  struct hf_diag *diag);
