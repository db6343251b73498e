/*
 * Gathering: for functions in which some thread is at any moment. Each thread
 * that leaves is kept until the last one has left, and then all are outside.
 *
 *   held       threads inside: their outermost return leads to a gate (gate.h)
 *   run        whoever comes through a gate is stopped and kept
 *   held       again; who has come in meanwhile is caught like the others
 *    ...       until none is inside, or the time is up
 *
 *   stack of a thread inside:
 *
 *        | caller            |
 *        | return address    |--> gate, which leads to that address
 *        | frame of work()   |
 *        | ...               |
 *
 * Only that word of the stack is changed. It is put back when the time is up;
 * if we die, the thread goes through the gate by itself. Not caught are threads
 * whose callers handle exceptions or have clean-ups in tables: an unwinder
 * inside the target would not find its way past the gate.
 */
#pragma once

#include "gate.h"
#include "stack.h"

struct gather {
	struct tracee *tracee;	  /* borrowed */
	struct stack_query query; /* for the functions to be left */
	struct gates gates;
	struct caught *caught; /* owned; released by the last two functions */
	size_t nr_caught;
	uint64_t expect_until_ns; /* somebody is about to arrive or to stop */
};

/**
 * gather_catch() - lead the return of a thread inside to a gate
 * @thread: held or dormant, and found to be inside
 *
 * Return: 0; -ENOENT it cannot be caught; -ENOMEM; -errno.
 */
int gather_catch(struct gather *gather, const struct thread *thread);

/**
 * gather_wait() - let all run but those that are kept, and keep who arrives
 *
 * Return: 0 when none of the caught is inside any more; -ETIME.
 */
int gather_wait(struct gather *gather, uint64_t deadline_ns);

/* All are outside, and held: nothing is kept any more. */
void gather_succeed(struct gather *gather);

/**
 * gather_give_up() - let those who were kept run, and put back what was changed
 * @timeout_ms: for the joint stop that this takes
 *
 * Every thread is held or dormant afterwards, or none: then some return goes on leading
 * through a gate, and the image must stay (gates_used()).
 */
void gather_give_up(struct gather *gather, unsigned int timeout_ms);
