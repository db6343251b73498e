/*
 * One operation on several processes, each for itself; two or more by workers
 * (workers.h), and told in the order in which they were named.
 *
 * A process that fails stops nothing: the others are done, and the exit status
 * tells (5: only some). SIGINT and SIGTERM are blocked by main(): they wait
 * until the processes at hand are done, and then end it; what was not tried is
 * reported like a failure.
 */
#pragma once

#include <stdatomic.h>

#include "command_line.h"
#include "output.h"

struct batch_step {
	const char *doing; /* "applying fix-charge to": for a terminal */
	const char *patch; /* its name for failures that name none, or NULL */
	const char *command; /* for the ledger; NULL: nothing to be recorded */
	const struct patch_file *file; /* that is applied, or NULL */
	bool to_the_end; /* a signal that waits does not keep it from the rest */
	const char *because; /* for the ledger: nobody asked for it; or NULL */
	/* Each report once more, in the order of the processes. Or NULL. */
	void (*told)(void *told_context, const struct operation_report *report,
		     int error);
	void *told_context;
	/*
	 * Does one process. @ret_reports: owned by the caller, also set on
	 * failure if something is known.
	 */
	int (*run)(const void *context, pid_t pid,
		   struct operation_report **ret_reports, size_t *ret_nr,
		   struct hf_diag *diag);
	const void *context;
};

/* Return: the exit status of the whole. */
enum hf_exit batch_run(struct output *output, const struct pids *pids,
		       const struct batch_step *step);

/* A zeroed report for @pid in a list of one; for steps. NULL: no memory. */
struct operation_report *batch_report_new(pid_t pid, size_t *ret_nr);

/* How often each exit status occurred. */
struct exit_tally {
	size_t counts[HF_EXIT_INTERRUPTED + 1];
};

void exit_tally_add(struct exit_tally *tally, enum hf_exit status);

/* All 0: 0; some 0: 5; none: the status that all share, or 1. */
enum hf_exit exit_tally_result(const struct exit_tally *tally);

/* SIGINT or SIGTERM has arrived; 0: neither. */
int signal_waiting(void);
/* The same as an answer for operation_options.give_up. */
bool signal_is_waiting(void);
void signals_block(void);
/* Another process of ours puts there what it has got; borrowed for good. */
void signals_listen(const atomic_int *told);
