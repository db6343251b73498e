/*
 * Revert: one or all active patches of a process in one switch.
 *
 *   PRE_REVERT     may refuse                             one thread borrowed
 *   change_run     joint stop, sites written, RETIRED     all threads held
 *   POST_REVERT                                           one thread borrowed
 *   retire_image   unmapped when nothing points to it     one thread borrowed
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "change.h"
#include "clock.h"
#include "hooks.h"
#include "operation_report.h"
#include "retire.h"

struct revert {
	const struct operation_options *options;
	struct target target;
	bool *after; /* one flag per control: stays active */
	struct switch_result result;
};

static bool is_leaving(const struct revert *revert, size_t i)
{
	const struct control *control = &revert->target.controls.entries[i];

	return !control->damaged && !revert->after[i] &&
	       control->block.state == CONTROL_ACTIVE;
}

static int hooks_pre_revert(const struct revert *revert, struct hf_diag *diag)
{
	const struct controls *controls = &revert->target.controls;

	/* The newest first: it was applied on top of the others. */
	for (size_t i = controls->nr; i--;) {
		int r = 0;

		if (is_leaving(revert, i))
			r = hook_run(revert->target.process,
				     &controls->entries[i], HOOK_PRE_REVERT,
				     diag);
		if (r < 0)
			return r;
	}
	return 0;
}

static int revert_switch(struct revert *revert, struct hf_diag *diag)
{
	int r;

	r = hooks_pre_revert(revert, diag);
	if (r < 0)
		return r;
	return change_run(&revert->target, revert->after, revert->options,
			  &revert->result, diag);
}

/* What comes after the switch cannot undo it: it is reported. */
static void revert_finish(struct revert *revert, const struct control *control,
			  struct operation_report *report)
{
	struct hf_diag why = { 0 };
	char reason[256];
	int r;

	if (hook_run(revert->target.process, control, HOOK_POST_REVERT, &why))
		report_note(report, "%s", why.message);
	r = retire_image(&revert->target, control, revert->result.leaving_free,
			 reason, sizeof(reason), &why);
	/* Of several images, one that stays counts. */
	if (r == 0 && report->outcome == OUTCOME_NOTHING)
		report->outcome = OUTCOME_REVERTED;
	if (r == 0)
		return;
	report->outcome = OUTCOME_RETIRED;
	report_note(report,
		    "the functions are reverted; the image stays mapped, out "
		    "of use: %s",
		    r > 0 ? reason : why.message);
	report_note(report, "hotfix recover -p %d tries again to unmap it",
		    revert->target.process->pid);
}

static int revert_open(struct revert *revert, pid_t pid, struct hf_diag *diag)
{
	int r;

	r = target_open(pid, true, &revert->target, diag);
	if (r < 0)
		return r;
	r = target_require_settled(&revert->target, diag);
	if (r < 0)
		return r;
	revert->after = calloc(revert->target.controls.nr + 1,
			       sizeof(*revert->after));
	return revert->after ? 0 : hf_fail(diag, -ENOMEM, "cannot revert");
}

static void revert_close(struct revert *revert)
{
	free(revert->after);
	target_close(&revert->target);
}

/*
 * Selects the active patch @name to go, all images of it, and marks them in
 * @leaving. Return: 0; -ENOENT.
 */
static int revert_select(struct revert *revert, const char *name, bool *leaving,
			 struct hf_diag *diag)
{
	const struct controls *controls = &revert->target.controls;
	const struct process *process = revert->target.process;
	bool found = false;

	for (size_t i = 0; i < controls->nr; i++) {
		const struct control *control = &controls->entries[i];
		bool is_active = !control->damaged &&
				 control->block.state == CONTROL_ACTIVE;

		leaving[i] = is_active && !strcmp(control->block.name, name);
		revert->after[i] = is_active && !leaving[i];
		found |= leaving[i];
	}
	if (found)
		return 0;
	hf_error(diag, -ENOENT, "not-applied",
		 "patch %s is not active in pid %d (%s)", name, process->pid,
		 process->command);
	hf_hint(diag, "see what is: hotfix status -p %d", process->pid);
	return -ENOENT;
}

static int revert_one(struct revert *revert, const char *name,
		      struct operation_report *report, struct hf_diag *diag)
{
	const struct controls *controls = &revert->target.controls;
	owned(free_p) bool *leaving = calloc(controls->nr + 1,
					     sizeof(*leaving));
	int r;

	report_process(report, revert->target.process);
	if (!leaving)
		return hf_fail(diag, -ENOMEM, "cannot revert");
	r = revert_select(revert, name, leaving, diag);
	for (size_t i = 0; i < controls->nr && !r; i++)
		if (leaving[i])
			r = report_control(report, &controls->entries[i], diag);
	if (r)
		return r;
	r = revert_switch(revert, diag);
	report_switch(report, &revert->result);
	for (size_t i = controls->nr; r == 0 && i--;)
		if (leaving[i])
			revert_finish(revert, &controls->entries[i], report);
	return r;
}

int operation_revert(pid_t pid, const char *name,
		     const struct operation_options *options,
		     struct operation_report *report, struct hf_diag *diag)
{
	struct revert revert = { .options = options };
	uint64_t began_ns = monotonic_ns();
	int r;

	report_begin(report, pid, name);
	r = revert_open(&revert, pid, diag);
	if (r == 0)
		r = revert_one(&revert, name, report, diag);
	revert_close(&revert);
	report->total_ns = monotonic_ns() - began_ns;
	return r;
}

static size_t count_active(const struct controls *controls)
{
	size_t nr = 0;

	for (size_t i = 0; i < controls->nr; i++)
		nr += !controls->entries[i].damaged &&
		      controls->entries[i].block.state == CONTROL_ACTIVE;
	return nr;
}

/* One report for each patch that goes, the newest first. */
static int reports_begin(struct revert *revert,
			 struct operation_report *reports, struct hf_diag *diag)
{
	const struct controls *controls = &revert->target.controls;
	size_t nr = 0;

	for (size_t i = controls->nr; i--;) {
		const struct control *control = &controls->entries[i];
		int r;

		if (!is_leaving(revert, i))
			continue;
		report_begin(&reports[nr], revert->target.process->pid,
			     control->block.name);
		report_process(&reports[nr], revert->target.process);
		r = report_control(&reports[nr++], control, diag);
		if (r < 0)
			return r;
	}
	return 0;
}

static int revert_all(struct revert *revert, struct operation_report *reports,
		      size_t nr, uint64_t began_ns, struct hf_diag *diag)
{
	struct controls *controls = &revert->target.controls;
	size_t at = 0;
	int r;

	r = reports_begin(revert, reports, diag);
	if (r == 0)
		r = revert_switch(revert, diag);
	for (size_t i = 0; i < nr; i++)
		report_switch(&reports[i], &revert->result);
	for (size_t i = controls->nr; r == 0 && i--;) {
		const struct control *control = &controls->entries[i];

		/* RETIRED by the switch, or left over from before. */
		if (control->damaged || at == nr ||
		    strcmp(control->block.name, reports[at].patch) ||
		    control->block.base != reports[at].image)
			continue;
		revert_finish(revert, control, &reports[at]);
		reports[at++].total_ns = monotonic_ns() - began_ns;
	}
	return r;
}

int operation_revert_everything(pid_t pid,
				const struct operation_options *options,
				struct operation_report **ret_reports,
				size_t *ret_nr, struct hf_diag *diag)
{
	struct revert revert = { .options = options };
	struct operation_report *reports = NULL;
	uint64_t began_ns = monotonic_ns();
	size_t nr = 0;
	int r;

	r = revert_open(&revert, pid, diag);
	if (r == 0) {
		nr = count_active(&revert.target.controls);
		reports = calloc(nr + 1, sizeof(*reports));
		if (!reports)
			r = hf_fail(diag, -ENOMEM, "cannot revert");
		else if (!nr)
			r = hf_error(diag, -ENOENT, "not-applied",
				     "pid %d (%s) carries no active patch", pid,
				     revert.target.process->command);
		else
			r = revert_all(&revert, reports, nr, began_ns, diag);
	}
	revert_close(&revert);
	*ret_reports = reports;
	*ret_nr = reports ? nr : 0;
	return r;
}
