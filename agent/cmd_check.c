/*
 * hotfix check: everything that apply would check, as a list, against a process
 * or against the file of a program. Nothing is stopped and nothing written.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "batch.h"
#include "cmd.h"
#include "cmd_patch.h"
#include "report.h"

static void item_print(struct output *output, const struct check_item *item)
{
	int size = (int)strcspn(item->detail, "\n");
	const char *rest = item->detail + size;

	output_print(output, "  ");
	output_styled(output, item->ok ? STYLE_GOOD : STYLE_BAD, "%s",
		      item->ok ? "ok    " : "NOT OK");
	output_print(output, "  %s%s%.*s\n", item->what, size ? ": " : "", size,
		     item->detail);
	while (*rest) {
		rest++;
		size = (int)strcspn(rest, "\n");
		output_print(output, "          %.*s\n", size, rest);
		rest += size;
	}
}

static json_t *items_json(const struct check_report *report)
{
	json_t *items = json_array();

	for (size_t i = 0; i < report->nr; i++) {
		json_t *item = json_object();

		json_put(item, "what", json_text(report->items[i].what));
		json_put(item, "ok", json_boolean(report->items[i].ok));
		json_put(item, "detail", json_text(report->items[i].detail));
		json_add(items, item);
	}
	return items;
}

/* An item that is not ok is a refusal, whatever the operation returned. */
static enum hf_exit check_status(const struct check_report *report, int error)
{
	if (error)
		return diag_exit_status(error);
	for (size_t i = 0; i < report->nr; i++)
		if (!report->items[i].ok)
			return HF_EXIT_REFUSED;
	return HF_EXIT_DONE;
}

static void check_print(struct output *output, const char *patch,
			const char *subject, const struct check_report *report,
			int error, const struct hf_diag *diag)
{
	if (report->nr)
		output_print(output, "%s in %s\n", patch, subject);
	for (size_t i = 0; i < report->nr; i++)
		item_print(output, &report->items[i]);
	switch (check_status(report, error)) {
	case HF_EXIT_DONE:
		output_styled(output, STYLE_GOOD, "can be applied\n");
		break;
	case HF_EXIT_REFUSED:
		output_styled(output, STYLE_BAD, "would be refused\n");
		break;
	default: /* could not be checked to the end */
		break;
	}
	if (error)
		output_error(output, subject, diag);
}

/* @pid: 0 for the file @file. */
static enum hf_exit check_finish(struct output *output, const char *patch,
				 pid_t pid, const char *file,
				 const struct check_report *report, int error,
				 const struct hf_diag *diag)
{
	enum hf_exit status = check_status(report, error);
	char label[PROCESS_LABEL_SIZE], name[PROCESS_NAME_SIZE];
	json_t *result;

	process_name_read(pid, name);
	check_print(output, patch, pid ? process_label(pid, name, label) : file,
		    report, error, diag);
	if (!output->json)
		return status;
	result = json_object();
	if (pid) {
		json_put(result, "pid", json_integer(pid));
		json_put(result, "process", json_text(name));
	} else {
		json_put(result, "file", json_text(file));
	}
	json_put(result, "outcome",
		 json_text(status == HF_EXIT_DONE ? "would-apply"
			   : error ? outcome_name(OUTCOME_NOTHING, error)
				   : "refused"));
	json_put(result, "exit", json_integer(status));
	if (error)
		json_put(result, "error", json_error(diag));
	json_put(result, "items", items_json(report));
	json_add(json_array_of(output->root, output->list), result);
	return status;
}

static enum hf_exit check_process(struct output *output,
				  const struct patch_file *patch, pid_t pid,
				  const struct operation_options *options)
{
	struct check_report report = { 0 };
	struct hf_diag diag = { 0 };
	enum hf_exit status;
	int r;

	r = operation_check(pid, patch, options, &report, &diag);
	status = check_finish(output, patch->manifest->name, pid, NULL, &report,
			      r, &diag);
	check_report_release(&report);
	return status;
}

static enum hf_exit check_file(struct output *output,
			       const struct patch_file *patch, const char *path)
{
	struct check_report report = { 0 };
	struct hf_diag diag = { 0 };
	enum hf_exit status;
	int r;

	r = operation_check_file(path, patch, &report, &diag);
	status = check_finish(output, patch->manifest->name, 0, path, &report,
			      r, &diag);
	check_report_release(&report);
	return status;
}

static enum hf_exit check_all(struct output *output,
			      const struct cmd_patch *opened,
			      const struct command_line *line)
{
	struct exit_tally tally = { 0 };

	if (!line->pids.nr)
		return check_file(output, opened->patch, line->arguments[1]);
	for (size_t i = 0; i < line->pids.nr; i++)
		exit_tally_add(&tally, check_process(output, opened->patch,
						     line->pids.entries[i],
						     &opened->options));
	return exit_tally_result(&tally);
}

static enum hf_exit check_run(const struct command_line *line,
			      struct output *output)
{
	struct cmd_patch opened;
	struct hf_diag diag = { 0 };
	enum hf_exit status;
	int r;

	r = cmd_patch_open(line, output, &opened, &diag);
	if (r)
		return output_failure(output, &diag, diag_exit_status(r));
	status = check_all(output, &opened, line);
	cmd_patch_close(&opened);
	return status;
}

static int check_check(const struct command_line *line, struct hf_diag *diag)
{
	bool file = line->nr_arguments > 1;

	if (file && line->pids.nr)
		return hf_error(diag, -EINVAL, "usage",
				"-p and the file \"%s\" exclude each other",
				line->arguments[1]);
	if (!file && !line->pids.nr)
		return hf_error(diag, -EINVAL, "usage",
				"nothing to check against: give -p PID or the "
				"program's file (BIN)");
	return 0;
}

static const char *const synopsis[] = {
	"FIX (-p PID)... [options]",
	"FIX BIN [--json]",
	NULL,
};

const struct command command_check = {
	.name = "check",
	.summary = "what apply would check, touching nothing",
	.synopsis = synopsis,
	.description =
		"Checks whether the patch file FIX fits a running process or "
		"the file BIN of a\nprogram or library. Neither is touched.\n",
	.examples = "  hotfix check fix-charge.hotfix.so -p 4711\n"
		    "  hotfix check fix-charge.hotfix.so /usr/sbin/checkout\n",
	.options = OPTION_PID | OPTIONS_SWITCH | OPTION_REPLACE_ACTIVE |
		   OPTION_POLICY,
	.argument = "the patch file (FIX)",
	.min_arguments = 1,
	.max_arguments = 2,
	.list = "results",
	.check = check_check,
	.run = check_run,
};
