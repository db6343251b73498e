/*
 * See batch.h. The summary at the end counts outcomes by their names and lists
 * the processes that did not succeed: with many, that is all one reads.
 */
#include "batch.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "progress.h"
#include "recorder.h"
#include "report.h"
#include "workers.h"

#define SUMMARY_KINDS_MAX 16
#define SUMMARY_PIDS_MAX 12

struct summary_kind {
	const char *name; /* of outcome_name(): compared by address */
	size_t nr;
	bool failure;
	struct pids pids; /* of failures */
};

struct batch {
	struct output *output;
	const struct batch_step *step;
	struct exit_tally tally;
	struct recorder *recorder; /* NULL: nothing is recorded */
	struct summary_kind kinds[SUMMARY_KINDS_MAX];
	size_t nr_kinds;
};

void exit_tally_add(struct exit_tally *tally, enum hf_exit status)
{
	if ((size_t)status >= ARRAY_SIZE(tally->counts))
		status = HF_EXIT_FAILED;
	tally->counts[status]++;
}

enum hf_exit exit_tally_result(const struct exit_tally *tally)
{
	enum hf_exit common = HF_EXIT_DONE;
	size_t nr_kinds = 0;

	for (size_t i = HF_EXIT_DONE + 1; i < ARRAY_SIZE(tally->counts); i++) {
		if (!tally->counts[i])
			continue;
		common = (enum hf_exit)i;
		nr_kinds++;
	}
	if (!nr_kinds)
		return HF_EXIT_DONE;
	if (tally->counts[HF_EXIT_DONE])
		return HF_EXIT_PARTIAL;
	return nr_kinds == 1 ? common : HF_EXIT_FAILED;
}

static void signal_set(sigset_t *set)
{
	sigemptyset(set);
	sigaddset(set, SIGINT);
	sigaddset(set, SIGTERM);
	sigaddset(set, SIGHUP);
}

void signals_block(void)
{
	sigset_t set;

	signal_set(&set);
	sigprocmask(SIG_BLOCK, &set, NULL);
}

static const atomic_int *signal_told;

void signals_listen(const atomic_int *told)
{
	signal_told = told;
}

int signal_waiting(void)
{
	static const int signals[] = { SIGINT, SIGTERM, SIGHUP };
	sigset_t pending;

	if (signal_told && *signal_told)
		return *signal_told;
	if (sigpending(&pending))
		return 0;
	for (size_t i = 0; i < ARRAY_SIZE(signals); i++)
		if (sigismember(&pending, signals[i]) == 1)
			return signals[i];
	return 0;
}

bool signal_is_waiting(void)
{
	return signal_waiting() != 0;
}

struct operation_report *batch_report_new(pid_t pid, size_t *ret_nr)
{
	struct operation_report *report = calloc(1, sizeof(*report));

	if (!report)
		return NULL;
	report->pid = pid;
	*ret_nr = 1;
	return report;
}

static struct summary_kind *summary_kind(struct batch *batch, const char *name)
{
	for (size_t i = 0; i < batch->nr_kinds; i++)
		if (!strcmp(batch->kinds[i].name, name))
			return &batch->kinds[i];
	if (batch->nr_kinds == SUMMARY_KINDS_MAX)
		return NULL;
	batch->kinds[batch->nr_kinds].name = name;
	return &batch->kinds[batch->nr_kinds++];
}

/* One report of one process: said, counted, and kept for the summary. */
static void result_add(struct batch *batch, struct operation_report *report,
		       int error, const struct hf_diag *diag)
{
	struct output *output = batch->output;
	struct summary_kind *kind;

	report_print(output, report, error, diag);
	if (output->json)
		json_add(json_array_of(output->root, output->list),
			 report_json(report, error, diag));
	recorder_add(batch->recorder, report, error, diag);
	if (batch->step->told)
		batch->step->told(batch->step->told_context, report, error);
	exit_tally_add(&batch->tally, diag_exit_status(error));
	kind = summary_kind(batch, outcome_name(report->outcome, error));
	if (!kind)
		return;
	kind->nr++;
	kind->failure |= error != 0;
	if (error)
		pids_add(&kind->pids, report->pid, NULL);
}

/* Whose and which it was, where an operation failed before it said so. */
static void report_complete(struct operation_report *report,
			    const struct batch_step *step)
{
	if (!*report->command)
		process_name_read(report->pid, report->command);
	if (!*report->patch && step->patch)
		snprintf(report->patch, sizeof(report->patch), "%s",
			 step->patch);
}

/* A failure before the operation knew anything. */
static void failure_add(struct batch *batch, pid_t pid, int error,
			const struct hf_diag *diag)
{
	struct operation_report report = { .pid = pid };

	report_complete(&report, batch->step);
	result_add(batch, &report, error, diag);
}

static void process_tell(struct batch *batch, pid_t pid,
			 struct batch_result *result)
{
	if (!result->nr && result->error)
		failure_add(batch, pid, result->error, &result->diag);
	for (size_t i = 0; i < result->nr; i++) {
		result->reports[i].pid = pid;
		report_complete(&result->reports[i], batch->step);
		result_add(batch, &result->reports[i], result->error,
			   &result->diag);
	}
	batch_result_release(result);
}

static void process_skip(struct batch *batch, pid_t pid, int signal)
{
	struct hf_diag diag = { 0 };
	int r;

	r = hf_error(&diag, -EINTR, "stopped", "not tried: stopped by SIG%s",
		     sigabbrev_np(signal));
	failure_add(batch, pid, r, &diag);
}

static void summary_pids(struct output *output, const struct pids *pids)
{
	for (size_t i = 0; i < pids->nr && i < SUMMARY_PIDS_MAX; i++)
		output_print(output, "%s%d", i ? ", " : " (pid ",
			     (int)pids->entries[i]);
	if (pids->nr > SUMMARY_PIDS_MAX)
		output_print(output, " and %zu more",
			     pids->nr - SUMMARY_PIDS_MAX);
	if (pids->nr)
		output_print(output, ")");
}

/* "8 applied, 1 refused (pid 33)" */
static void summary_print(struct batch *batch)
{
	struct output *output = batch->output;

	for (size_t i = 0; i < batch->nr_kinds; i++) {
		struct summary_kind *kind = &batch->kinds[i];

		output_print(output, "%s%zu ", i ? ", " : "", kind->nr);
		output_styled(output, kind->failure ? STYLE_BAD : STYLE_GOOD,
			      "%s", kind->name);
		summary_pids(output, &kind->pids);
	}
	output_print(output, "\n");
}

/* Those that are not known yet, by ourselves, one after the other. */
static void rest_do(struct batch *batch, const struct pids *pids,
		    struct batch_result *results, size_t from)
{
	for (size_t i = from; i < pids->nr; i++) {
		pid_t pid = pids->entries[i];
		int signal = batch->step->to_the_end ? 0 : signal_waiting();
		struct progress *progress;
		char text[160];

		if (!results[i].known && signal) {
			process_skip(batch, pid, signal);
			continue;
		}
		snprintf(text, sizeof(text), "%s pid %d (%zu of %zu)",
			 batch->step->doing, (int)pid, i + 1, pids->nr);
		progress = progress_begin(batch->output, text);
		if (!results[i].known)
			batch_result_make(batch->step, pid, &results[i]);
		progress_end(progress);
		process_tell(batch, pid, &results[i]);
	}
}

/* Results come in any order and are told in that of the processes, as soon as
 * can be. Return: how many were. */
static size_t workers_do(struct batch *batch, const struct pids *pids,
			 struct batch_result *results)
{
	struct workers *workers = workers_start(pids, batch->step);
	size_t nr_told = 0;
	bool more = workers != NULL;
	char text[160];

	while (more) {
		struct progress *progress;

		snprintf(text, sizeof(text), "%s %zu processes (%zu done)",
			 batch->step->doing, pids->nr, nr_told);
		progress = progress_begin(batch->output, text);
		do
			more = workers_wait(workers, results);
		while (more && !results[nr_told].known);
		progress_end(progress);
		for (; nr_told < pids->nr && results[nr_told].known; nr_told++)
			process_tell(batch, pids->entries[nr_told],
				     &results[nr_told]);
		more &= nr_told < pids->nr;
	}
	if (workers)
		workers_end(workers);
	return nr_told;
}

/* Where we have no memory for all of them, each by itself. */
static void processes_do(struct batch *batch, const struct pids *pids)
{
	struct batch_result *results = calloc(pids->nr + 1, sizeof(*results));
	struct batch_result one = { 0 };

	if (results)
		rest_do(batch, pids, results, workers_do(batch, pids, results));
	for (size_t i = 0; !results && i < pids->nr; i++) {
		const struct pids single = { &pids->entries[i], 1 };

		rest_do(batch, &single, &one, 0);
	}
	free(results);
}

enum hf_exit batch_run(struct output *output, const struct pids *pids,
		       const struct batch_step *step)
{
	struct batch batch = { .output = output, .step = step };

	if (step->command)
		batch.recorder = recorder_begin(step->command, step->because,
						step->file);
	if (output->json)
		json_array_of(output->root, output->list);
	processes_do(&batch, pids);
	recorder_end(batch.recorder, output);
	if (pids->nr > 1)
		summary_print(&batch);
	for (size_t i = 0; i < batch.nr_kinds; i++)
		pids_release(&batch.kinds[i].pids);
	return exit_tally_result(&batch.tally);
}
