/*
 * Taking back what was applied in a span of time, and nothing else: what somebody
 * has reverted since, or applied again, is left alone.
 */
#pragma once

#include <stdbool.h>

#include "operation.h"

struct takeback {
	const char *name; /* of the patch; borrowed */
	int64_t from_ns, until_ns; /* CLOCK_REALTIME; both are part of it */
	const struct operation_options *options; /* borrowed */
};

/* Whether there is something to be taken back in @pid. */
bool takeback_concerns(const struct takeback *takeback, pid_t pid);

/* A step of a batch; @context: struct takeback. */
int takeback_one(const void *context, pid_t pid,
		 struct operation_report **ret_reports, size_t *ret_nr,
		 struct hf_diag *diag);
