/*
 * hotfix apply: the patch file is read and checked once, then every process is
 * done for itself. With --all the processes are found by the module's build-id.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/build_id.h"
#include "batch.h"
#include "cmd.h"
#include "cmd_patch.h"
#include "module.h"
#include "other_builds.h"
#include "privileges.h"
#include "recorder.h"
#include "rollout.h"

struct apply {
	const struct patch_file *patch;
	const struct operation_options *options;
};

static int apply_one(const void *context, pid_t pid,
		     struct operation_report **ret_reports, size_t *ret_nr,
		     struct hf_diag *diag)
{
	const struct apply *apply = context;
	struct operation_report *report = batch_report_new(pid, ret_nr);

	if (!report)
		return hf_fail(diag, -ENOMEM, "cannot apply");
	*ret_reports = report;
	return operation_apply(pid, apply->patch, apply->options, report, diag);
}

/* Nobody maps that build: say which one was looked for, and what is there. */
static int nobody_found(const struct patch_file *patch, size_t nr_unreadable,
			struct hf_diag *diag)
{
	const struct manifest_target *target = &patch->manifest->target;
	char id[HEX_SIZE(BUILD_ID_SIZE_MAX)];

	hf_error(diag, -ESRCH, "no-process",
		 "no process runs %s with build-id %s", target->name,
		 build_id_format(&target->build_id, id));
	other_builds_describe(target->name, diag);
	if (nr_unreadable)
		hf_hint(diag,
			"%zu processes may not be read by this user; "
			"as root they are searched as well",
			nr_unreadable);
	hf_hint(diag,
		"`hotfix check FIX -p PID` says what differs in a process");
	return -ESRCH;
}

static int processes_find(const struct patch_file *patch, struct pids *ret_pids,
			  size_t *ret_nr_unreadable, struct hf_diag *diag)
{
	struct pids pids = { 0 };
	int r;

	r = process_find_all(&patch->manifest->target.build_id, &pids.entries,
			     &pids.nr, ret_nr_unreadable, diag);
	if (r)
		return r;
	if (!pids.nr) {
		pids_release(&pids);
		return nobody_found(patch, *ret_nr_unreadable, diag);
	}
	*ret_pids = pids;
	return 0;
}

static enum hf_exit processes_do(const struct pids *pids,
				 const struct command_line *line,
				 const struct batch_step *step,
				 struct proc_events *events, struct output *output)
{
	const struct apply *apply = step->context;

	if (!rollout_is_wanted(&line->rollout))
		return batch_run(output, pids, step);
	if (!line->operation.dry_run)
		return rollout_run(output, pids, step, apply->options,
				   &line->rollout, events);
	rollout_tell_plan(output, pids->nr, &line->rollout);
	return batch_run(output, pids, step);
}

static enum hf_exit apply_everywhere(const struct patch_file *patch,
				     const struct command_line *line,
				     const struct batch_step *step,
				     struct proc_events *events, struct output *output)
{
	struct hf_diag diag = { 0 };
	struct pids pids = { 0 };
	size_t nr_unreadable = 0;
	enum hf_exit status;
	int r;

	if (!line->all)
		return processes_do(&line->pids, line, step, events, output);
	r = processes_find(patch, &pids, &nr_unreadable, &diag);
	if (r)
		return output_failure(output, &diag, diag_exit_status(r));
	status = processes_do(&pids, line, step, events, output);
	output_unreadable(output, nr_unreadable);
	pids_release(&pids);
	return status;
}

/* What its author has taken upon himself, whoever applies it has to know. */
static void overrides_tell(const struct patch_file *patch,
			   struct output *output)
{
	json_t *all = output->json ? json_array_of(output->root, "overrides") :
				     NULL;

	for (size_t i = 0; i < patch_nr_parts(patch); i++) {
		const struct manifest *part = patch_part(patch, i)->manifest;

		for (size_t k = 0; k < part->nr_overrides; k++)
			if (all)
				json_add(all, json_text(part->overrides[k]));
			else
				output_warning(output,
					       "built against advice: %s",
					       part->overrides[k]);
	}
}

static enum hf_exit apply_run(const struct command_line *line,
			      struct output *output)
{
	owned(proc_events_close_p) struct proc_events *events =
		rollout_listen(&line->rollout, output);
	struct cmd_patch opened;
	struct apply apply = { .options = &opened.options };
	struct batch_step step = { .run = apply_one, .context = &apply };
	struct hf_diag diag = { 0 };
	enum hf_exit status;
	char doing[96];
	int r;

	privileges_reduce(false);
	r = cmd_patch_open(line, output, &opened, &diag);
	if (r) {
		if (!line->operation.dry_run)
			record_failure("apply", line->arguments[0], r, &diag,
				       output);
		return output_failure(output, &diag, diag_exit_status(r));
	}
	apply.patch = opened.patch;
	step.file = opened.patch;
	step.command = line->operation.dry_run ? NULL : "apply";
	step.patch = opened.patch->manifest->name;
	snprintf(doing, sizeof(doing), "applying %s to", step.patch);
	step.doing = doing;
	overrides_tell(opened.patch, output);
	status = apply_everywhere(opened.patch, line, &step, events, output);
	cmd_patch_close(&opened);
	return status;
}

static const char *const synopsis[] = {
	"FIX (-p PID)... [options]",
	"FIX --all [options]",
	"FIX --all --canary N --observe TIME --then LIST [options]",
	NULL,
};

static int apply_check(const struct command_line *line, struct hf_diag *diag)
{
	if (line->operation.replace_active && rollout_is_wanted(&line->rollout))
		return hf_error(diag, -EINVAL, "usage",
				"--replace-active cannot be taken back, and "
				"--canary, --then, --observe, --probe, "
				"--confirm-within and --atomic would have to");
	return 0;
}

const struct command command_apply = {
	.name = "apply",
	.summary = "make processes run a patch",
	.synopsis = synopsis,
	.description =
		"Makes running processes use the functions of the patch file "
		"FIX. Either all\nfunctions of the patch are replaced in a "
		"process, or nothing changes in it.\n",
	.examples = "  hotfix apply fix-charge.hotfix.so --all --dry-run\n"
		    "  hotfix apply fix-charge.hotfix.so -p 4711 --wait 30s\n"
		    "  hotfix apply fix-charge.hotfix.so --all --canary 1 "
		    "--observe 30s \\\n"
		    "      --probe 'curl -fs localhost/health' "
		    "--then 10%,100% --confirm-within 5m\n",
	.options = OPTION_PID | OPTION_ALL | OPTION_DRY_RUN | OPTIONS_SWITCH |
		   OPTION_REPLACE_ACTIVE | OPTION_POLICY | OPTIONS_ROLLOUT,
	.check = apply_check,
	.argument = "the patch file (FIX)",
	.min_arguments = 1,
	.max_arguments = 1,
	.needs_processes = true,
	.listens = true,
	.changes_processes = true,
	.list = "results",
	.run = apply_run,
};
