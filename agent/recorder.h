/*
 * What an operation did, from its reports to the ledger (ledger.h) and the journal
 * (journal.h). Nothing of it happens before the last process is done, and nothing
 * that fails here changes what came of the operation: it is said as a warning.
 */
#pragma once

#include "ledger.h"
#include "operation.h"
#include "output.h"
#include "pids.h"

struct recorder;

/**
 * recorder_begin() - a list of entries
 * @command: "apply", "revert", "recover"; borrowed
 * @because: why it was done without being asked for, or NULL; borrowed
 * @patch:   the file that is applied, or NULL; borrowed
 *
 * Return: owned by the caller, recorder_end(); NULL without memory, which all of
 * these take.
 */
struct recorder *recorder_begin(const char *command, const char *because,
				const struct patch_file *patch);
void recorder_add(struct recorder *recorder,
		  const struct operation_report *report, int error,
		  const struct hf_diag *diag);
void recorder_end(struct recorder *recorder, struct output *output);

/* One that failed before any process was looked at, for what is in patch @file. */
void record_failure(const char *command, const char *file, int error,
		    const struct hf_diag *diag, struct output *output);

struct pending;

/* That it was confirmed, in each of its processes. */
void record_confirm(const struct pending *pending, struct output *output);

struct standing;

/* What became of a standing fix: "kept", "ended", "locked". */
void record_standing(const char *command, const struct standing *standing,
		     const char *outcome, struct output *output);

/**
 * recorder_collect() - add what processes carry and the ledger has not
 * @pids:   these; none: all that may be read
 * @ret_nr: how many patches that were
 *
 * It could not be written then, or the agent died, or another user's ledger has it.
 *
 * Return: 0; what ledger_append() and host_scan() return.
 */
int recorder_collect(struct ledger *ledger, const struct pids *pids,
		     size_t *ret_nr, struct hf_diag *diag);
