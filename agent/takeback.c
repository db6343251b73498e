#include "takeback.h"

#include <errno.h>
#include <string.h>

#include "batch.h"
#include "operation_report.h"
#include "survey.h"

static bool control_concerns(const struct takeback *takeback,
			     const struct control *control)
{
	const struct control_block *block = &control->block;

	return !control->damaged && !strcmp(block->name, takeback->name) &&
	       block->state != CONTROL_RETIRED &&
	       block->applied_at_ns >= takeback->from_ns &&
	       block->applied_at_ns <= takeback->until_ns;
}

bool takeback_concerns(const struct takeback *takeback, pid_t pid)
{
	owned(survey_release_p) struct survey survey = { 0 };

	if (survey_read(pid, &survey, NULL))
		return false;
	for (size_t i = 0; i < survey.target.controls.nr; i++)
		if (control_concerns(takeback,
				     &survey.target.controls.entries[i]))
			return true;
	return false;
}

static int takeback_one(const void *context, pid_t pid,
			struct operation_report **ret_reports, size_t *ret_nr,
			struct hf_diag *diag)
{
	const struct takeback *takeback = context;
	struct operation_report *report = batch_report_new(pid, ret_nr);

	if (!report)
		return hf_fail(diag, -ENOMEM, "cannot take %s back",
			       takeback->name);
	*ret_reports = report;
	if (takeback_concerns(takeback, pid))
		return operation_revert(pid, takeback->name, takeback->options,
					report, diag);
	report->outcome = OUTCOME_CLEAN;
	report_note(report, "%s is not there any more", takeback->name);
	return 0;
}

enum hf_exit takeback_run(const struct takeback *takeback,
			  const struct pids *pids, const char *because,
			  const char *list, struct output *output)
{
	const char *usual_list = output->list;
	char doing[MANIFEST_NAME_MAX + 32];
	const struct batch_step step = {
		.doing = doing,
		.patch = takeback->name,
		.command = "revert",
		.because = because,
		.run = takeback_one,
		.context = takeback,
		.to_the_end = true,
	};
	enum hf_exit status;

	snprintf(doing, sizeof(doing), "taking %s back from", takeback->name);
	output->list = list;
	status = batch_run(output, pids, &step);
	output->list = usual_list;
	return status;
}
