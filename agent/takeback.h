/*
 * Taking back what was applied in a span of time, and nothing else: what somebody
 * has reverted since, or applied again, is left alone.
 */
#pragma once

#include <stdbool.h>

#include "operation.h"
#include "output.h"
#include "pids.h"

struct takeback {
	const char *name; /* of the patch; borrowed */
	int64_t from_ns, until_ns; /* CLOCK_REALTIME; both are part of it */
	const struct operation_options *options; /* borrowed */
};

/* Whether there is something to be taken back in @pid. */
bool takeback_concerns(const struct takeback *takeback, pid_t pid);

/**
 * takeback_run() - in all of @pids, to the end
 * @because: for the ledger; borrowed, as the next
 * @list: of the JSON report: where the results go
 *
 * A signal that waits stops nothing. Return: the exit status of the whole.
 */
enum hf_exit takeback_run(const struct takeback *takeback,
			  const struct pids *pids, const char *because,
			  const char *list, struct output *output);
