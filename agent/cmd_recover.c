/*
 * hotfix recover: finishes or undoes what a dead agent left.
 */
#include <errno.h>

#include "batch.h"
#include "cmd.h"
#include "survey.h"

static int recover_one(const void *context, pid_t pid,
		       struct operation_report **ret_reports, size_t *ret_nr,
		       struct hf_diag *diag)
{
	const struct operation_options *options = context;
	struct operation_report *report = batch_report_new(pid, ret_nr);

	if (!report)
		return hf_fail(diag, -ENOMEM, "cannot recover");
	*ret_reports = report;
	return operation_recover(pid, options, report, diag);
}

/* Interrupted, or with retired code that may be unmapped by now. */
static bool worth_recovering(pid_t pid)
{
	owned(survey_release_p) struct survey survey = { 0 };

	if (survey_read(pid, &survey, NULL))
		return false;
	if (survey_is_interrupted(&survey))
		return true;
	for (size_t i = 0; i < survey.target.controls.nr; i++)
		if (survey.target.controls.entries[i].damaged ||
		    survey.target.controls.entries[i].block.state ==
			    CONTROL_RETIRED)
			return true;
	return false;
}

static int processes_find(struct pids *ret_pids, size_t *ret_nr_unreadable,
			  struct hf_diag *diag)
{
	owned(host_release_p) struct host host = { 0 };
	struct pids pids = { 0 };
	int r;

	r = host_scan(&host, diag);
	for (size_t i = 0; !r && i < host.carriers.nr; i++)
		if (worth_recovering(host.carriers.entries[i]))
			r = pids_add(&pids, host.carriers.entries[i], diag);
	if (r) {
		pids_release(&pids);
		return r;
	}
	*ret_pids = pids;
	*ret_nr_unreadable = host.nr_unreadable;
	return 0;
}

static enum hf_exit recover_everywhere(const struct batch_step *step,
				       struct output *output)
{
	struct hf_diag diag = { 0 };
	struct pids pids = { 0 };
	size_t nr_unreadable = 0;
	enum hf_exit status;
	int r;

	r = processes_find(&pids, &nr_unreadable, &diag);
	if (r)
		return output_failure(output, &diag, diag_exit_status(r));
	if (!pids.nr)
		output_print(output, "nothing to recover in any process\n");
	status = batch_run(output, &pids, step);
	output_unreadable(output, nr_unreadable);
	pids_release(&pids);
	return status;
}

static enum hf_exit recover_run(const struct command_line *line,
				struct output *output)
{
	struct batch_step step = {
		.doing = "recovering",
		.command = "recover",
		.run = recover_one,
		.context = &line->operation,
	};

	if (line->all)
		return recover_everywhere(&step, output);
	return batch_run(output, &line->pids, &step);
}

static const char *const synopsis[] = {
	"(-p PID)... [options]",
	"--all [options]",
	NULL,
};

const struct command command_recover = {
	.name = "recover",
	.summary = "clean up after a hotfix that was killed at work",
	.synopsis = synopsis,
	.description =
		"Finishes or undoes what an interrupted apply or revert left "
		"in a process, and\nunmaps the code of reverted patches that "
		"nothing can return into any more.\n",
	.examples = "  hotfix recover -p 4711\n",
	.options = OPTION_PID | OPTION_ALL | OPTION_WAIT,
	.needs_processes = true,
	.changes_processes = true,
	.list = "results",
	.run = recover_run,
};
