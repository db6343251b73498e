/*
 * One operation on many processes, by several processes of our own, for a thread
 * of a target obeys only the one that traces it.
 *
 *   we ----------- fork, once for each processor ------+
 *    |                                                 v
 *    |                       worker: takes the next number that is free,
 *    +<-- pipe -- result --          does that process, tells, takes the next
 *
 * A worker that dies takes one process with it, which is reported; the others
 * do the rest. When we die, each finishes what it has begun, and ends.
 */
#pragma once

#include "batch.h"

/* What came of one process. */
struct batch_result {
	int error;
	struct hf_diag diag;
	struct operation_report *reports; /* owned; released by batch_result_release() */
	size_t nr;
	bool known; /* false: not tried */
};

void batch_result_release(struct batch_result *result);

/* Does process @pid and keeps what came of it. */
void batch_result_make(const struct batch_step *step, pid_t pid,
		       struct batch_result *ret_result);

struct workers;

/**
 * workers_start() - begin with all of them
 * @pids, @step: borrowed until workers_end()
 *
 * Return: NULL when one process of ours is enough, or all that can be had.
 */
struct workers *workers_start(const struct pids *pids,
			      const struct batch_step *step);

/**
 * workers_wait() - until there is a result, or a signal for us
 * @results: one for each of the pids; some more are known afterwards
 *
 * Return: false when there will be no more.
 */
bool workers_wait(struct workers *workers, struct batch_result *results);

/* Waits for those who still work. */
void workers_end(struct workers *workers);
