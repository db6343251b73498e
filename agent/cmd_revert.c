/*
 * hotfix revert: by the patch's name, which is all that it needs; a patch file
 * is taken as well, for its name.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "batch.h"
#include "cmd.h"
#include "standing.h"
#include "survey.h"

#define PATCH_SUFFIX ".hotfix.so"

struct revert {
	char name[MANIFEST_NAME_MAX + 1]; /* "" with --everything */
	const struct operation_options *options;
};

static int revert_one(const void *context, pid_t pid,
		      struct operation_report **ret_reports, size_t *ret_nr,
		      struct hf_diag *diag)
{
	const struct revert *revert = context;
	struct operation_report *report = batch_report_new(pid, ret_nr);

	if (!report)
		return hf_fail(diag, -ENOMEM, "cannot revert");
	*ret_reports = report;
	return operation_revert(pid, revert->name, revert->options, report,
				diag);
}

static int revert_everything(const void *context, pid_t pid,
			     struct operation_report **ret_reports,
			     size_t *ret_nr, struct hf_diag *diag)
{
	const struct revert *revert = context;

	return operation_revert_everything(pid, revert->options, ret_reports,
					   ret_nr, diag);
}

static bool looks_like_file(const char *word)
{
	size_t size = strlen(word), suffix = strlen(PATCH_SUFFIX);

	return strchr(word, '/') ||
	       (size > suffix && !strcmp(word + size - suffix, PATCH_SUFFIX));
}

static int name_from_file(const char *path, char *ret_name,
			  struct hf_diag *diag)
{
	struct patch_file *patch;
	int r;

	r = patch_file_open(path, &patch, diag);
	if (r) {
		hf_hint(diag,
			"the name of the patch is enough: `hotfix status` "
			"lists those that are active");
		return r;
	}
	snprintf(ret_name, MANIFEST_NAME_MAX + 1, "%s", patch->manifest->name);
	patch_file_free(patch);
	return 0;
}

static int name_find(const char *word, char *ret_name, struct hf_diag *diag)
{
	if (looks_like_file(word))
		return name_from_file(word, ret_name, diag);
	snprintf(ret_name, MANIFEST_NAME_MAX + 1, "%s", word);
	return 0;
}

/* What is taken away here comes back with the next process. */
static void standing_tell(const char *name, struct output *output)
{
	struct standing standing;

	if (!standing_find(name, &standing, NULL))
		output_warning(output, "%s is a standing fix, and new processes "
			       "get it again: hotfix unkeep %s", name, name);
}

/* What is only still mapped (retired) has been reverted already. */
static bool carries(pid_t pid, const char *name)
{
	owned(survey_release_p) struct survey survey = { 0 };

	if (survey_read(pid, &survey, NULL))
		return false;
	for (size_t i = 0; i < survey.target.controls.nr; i++) {
		const struct control *control =
			&survey.target.controls.entries[i];

		if (!control->damaged && !strcmp(control->block.name, name) &&
		    control->block.state != CONTROL_RETIRED)
			return true;
	}
	return false;
}

static int nobody_carries(const char *name, size_t nr_unreadable,
			  struct hf_diag *diag)
{
	hf_error(diag, -ENOENT, "no-process", "no process carries %s", name);
	if (nr_unreadable)
		hf_hint(diag,
			"%zu processes may not be read by this user; "
			"as root they are searched as well",
			nr_unreadable);
	hf_hint(diag, "`hotfix status` lists the patches that are active");
	return -ENOENT;
}

static int carriers_find(const char *name, struct pids *ret_pids,
			 size_t *ret_nr_unreadable, struct hf_diag *diag)
{
	owned(host_release_p) struct host host = { 0 };
	struct pids pids = { 0 };
	int r;

	r = host_scan(&host, diag);
	for (size_t i = 0; !r && i < host.carriers.nr; i++)
		if (carries(host.carriers.entries[i], name))
			r = pids_add(&pids, host.carriers.entries[i], diag);
	if (!r && !pids.nr)
		r = nobody_carries(name, host.nr_unreadable, diag);
	if (r) {
		pids_release(&pids);
		return r;
	}
	*ret_pids = pids;
	*ret_nr_unreadable = host.nr_unreadable;
	return 0;
}

static enum hf_exit revert_everywhere(const char *name,
				      const struct batch_step *step,
				      struct output *output)
{
	struct hf_diag diag = { 0 };
	struct pids pids = { 0 };
	size_t nr_unreadable = 0;
	enum hf_exit status;
	int r;

	r = carriers_find(name, &pids, &nr_unreadable, &diag);
	if (r)
		return output_failure(output, &diag, diag_exit_status(r));
	status = batch_run(output, &pids, step);
	output_unreadable(output, nr_unreadable);
	pids_release(&pids);
	return status;
}

static enum hf_exit revert_run(const struct command_line *line,
			       struct output *output)
{
	struct revert revert = { .options = &line->operation };
	struct batch_step step = { .run = revert_one, .context = &revert,
				   .command = "revert" };
	struct hf_diag diag = { 0 };
	char doing[96];
	int r;

	if (line->everything) {
		step.run = revert_everything;
		step.doing = "reverting every patch of";
		return batch_run(output, &line->pids, &step);
	}
	r = name_find(line->arguments[0], revert.name, &diag);
	if (r)
		return output_failure(output, &diag, diag_exit_status(r));
	snprintf(doing, sizeof(doing), "reverting %s in", revert.name);
	step.doing = doing;
	step.patch = revert.name;
	if (output->json)
		json_put(output->root, "patch", json_text(step.patch));
	standing_tell(revert.name, output);
	if (line->all)
		return revert_everywhere(revert.name, &step, output);
	return batch_run(output, &line->pids, &step);
}

static int revert_check(const struct command_line *line, struct hf_diag *diag)
{
	const char *word = line->nr_arguments ? line->arguments[0] : NULL;

	if (!word && !line->everything)
		return hf_error(diag, -EINVAL, "usage",
				"nothing to revert is named: give the NAME of "
				"a patch, or --everything");
	if (word && line->everything)
		return hf_error(diag, -EINVAL, "usage",
				"\"%s\" and --everything exclude each other",
				word);
	if (line->everything && line->all)
		return hf_error(diag, -EINVAL, "usage",
				"--everything is for processes named by -p, "
				"not for --all");
	return word && !looks_like_file(word) ? patch_name_check(word, diag) : 0;
}

static const char *const synopsis[] = {
	"NAME (-p PID)... [options]",
	"NAME --all [options]",
	"--everything (-p PID)... [options]",
	NULL,
};

const struct command command_revert = {
	.name = "revert",
	.summary = "take patches out of processes again",
	.synopsis = synopsis,
	.description =
		"Takes the patch NAME (or the one in a patch file) out of "
		"running processes. The\norder in which patches were applied "
		"does not matter.\n",
	.examples = "  hotfix revert fix-charge --all\n"
		    "  hotfix revert --everything -p 4711\n",
	.options = OPTION_PID | OPTION_ALL | OPTION_EVERYTHING | OPTIONS_SWITCH,
	.argument = "the name of the patch (NAME)",
	.max_arguments = 1,
	.needs_processes = true,
	.changes_processes = true,
	.list = "results",
	.check = revert_check,
	.run = revert_run,
};
