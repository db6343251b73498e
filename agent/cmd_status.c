/*
 * hotfix status: what the processes themselves say, compared with the bytes
 * that really stand at every site. Nothing is stopped and nothing written.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <time.h>

#include "../lib/digest.h"
#include "batch.h"
#include "cmd.h"
#include "report.h"
#include "sites.h"
#include "status_gdb.h"
#include "status_kept.h"
#include "survey.h"
#include "table.h"

enum status_column {
	COLUMN_PID,
	COLUMN_PROCESS,
	COLUMN_PATCH,
	COLUMN_STATE,
	COLUMN_SINCE,
	COLUMN_FUNCTION,
	COLUMN_SITE,
	NR_COLUMNS,
};

/* A patch's words, said once below the table however many carry it. */
struct remark {
	uint8_t digest[SHA256_SIZE];
	char text[512];
};

struct status {
	struct output *output;
	struct table table;
	struct remark *remarks;
	size_t nr_remarks;
	struct exit_tally tally;
	size_t nr_patches;
};

static const char *reality_name(enum site_reality reality)
{
	switch (reality) {
	case SITE_PRISTINE:
		return "pristine";
	case SITE_LEADS_HERE:
		return "leads-here";
	case SITE_LEADS_TO_OTHER_PATCH:
		return "leads-to-other-patch";
	case SITE_CHANGED:
		return "changed";
	case SITE_UNREADABLE:
		break;
	}
	return "unreadable";
}

static void reality_describe(const struct survey *survey,
			     const struct control *control,
			     const struct control_site *site, char *ret_text,
			     size_t size)
{
	const struct control *owner;

	switch (site_inspect(survey->target.process, &survey->target.controls,
			     control, site)) {
	case SITE_PRISTINE:
		snprintf(ret_text, size, "%s",
			 control->block.state == CONTROL_ACTIVE
				 ? "the old code runs"
				 : "old code");
		return;
	case SITE_LEADS_HERE:
		snprintf(ret_text, size, "leads here");
		return;
	case SITE_LEADS_TO_OTHER_PATCH:
		owner = sites_owner(&survey->target.controls, site->function);
		snprintf(ret_text, size, "overridden by %s",
			 owner ? owner->block.name : "another patch");
		return;
	case SITE_CHANGED:
		snprintf(ret_text, size, "changed by something else");
		return;
	case SITE_UNREADABLE:
		break;
	}
	snprintf(ret_text, size, "unreadable");
}

/* A damaged block may not even have a name. */
static const char *patch_name(const struct control *control)
{
	return *control->block.name ? control->block.name : "?";
}

static const char *state_name(const struct control *control)
{
	if (control->damaged)
		return "damaged";
	if (control->orphaned)
		return "orphaned";
	return control_state_name((enum control_state)control->block.state);
}

/* Local time for people, UTC for programs; "" when it never was active. */
static void since_format(const struct control *control, bool utc,
			 char *ret_text, size_t size)
{
	int64_t ns = control->damaged ? 0 : control->block.applied_at_ns;
	time_t seconds = (time_t)(ns / 1000000000);
	struct tm tm;

	*ret_text = '\0';
	if (ns <= 0)
		return;
	if (utc && gmtime_r(&seconds, &tm))
		strftime(ret_text, size, "%Y-%m-%dT%H:%M:%SZ", &tm);
	else if (!utc && localtime_r(&seconds, &tm))
		strftime(ret_text, size, "%Y-%m-%d %H:%M:%S", &tm);
}

static void remark_add(struct status *status, const struct control *control)
{
	const struct manifest *manifest = control->manifest;
	const uint8_t *digest = control->block.digest;
	struct remark *remarks;

	if (control->damaged || !manifest ||
	    (!manifest->reason && !manifest->ticket))
		return;
	for (size_t i = 0; i < status->nr_remarks; i++)
		if (!memcmp(status->remarks[i].digest, digest, SHA256_SIZE))
			return;
	remarks = reallocarray(status->remarks, status->nr_remarks + 1,
			       sizeof(*remarks));
	if (!remarks)
		return;
	status->remarks = remarks;
	remarks += status->nr_remarks++;
	memcpy(remarks->digest, digest, SHA256_SIZE);
	snprintf(remarks->text, sizeof(remarks->text), "%s: %s%s%s%s",
		 control->block.name, manifest->reason ? manifest->reason : "",
		 manifest->reason && manifest->ticket ? " " : "",
		 manifest->ticket ? "ticket " : "",
		 manifest->ticket ? manifest->ticket : "");
}

static void control_row(struct table_row *row, const struct survey *survey,
			const struct control *control)
{
	char text[128];

	table_cell_set(row, COLUMN_PID, "%d", (int)survey->target.process->pid);
	table_cell_set(row, COLUMN_PROCESS, "%s",
		       survey->target.process->command);
	table_cell_set(row, COLUMN_PATCH, "%s", patch_name(control));
	table_cell_set(row, COLUMN_STATE, "%s", state_name(control));
	since_format(control, false, text, sizeof(text));
	table_cell_set(row, COLUMN_SINCE, "%s", *text ? text : "-");
}

/* The first row of a patch says all, the further ones only their function. */
static int control_rows(struct table *table, const struct survey *survey,
			const struct control *control)
{
	size_t nr = control->damaged ? 0 : control->block.nr_sites;
	char text[128];

	for (size_t i = 0; i < (nr ? nr : 1); i++) {
		struct table_row *row = table_row_add(table);

		if (!row)
			return -ENOMEM;
		if (!i)
			control_row(row, survey, control);
		if (!nr)
			break;
		table_cell_set(row, COLUMN_FUNCTION, "%s",
			       control->sites[i].name);
		reality_describe(survey, control, &control->sites[i], text,
				 sizeof(text));
		table_cell_set(row, COLUMN_SITE, "%s", text);
	}
	return 0;
}

static json_t *site_json(const struct survey *survey,
			 const struct control *control,
			 const struct control_site *site)
{
	json_t *function = json_object();
	enum site_reality reality;
	const struct control *owner;

	reality = site_inspect(survey->target.process, &survey->target.controls,
			       control, site);
	json_put(function, "name", json_text(site->name));
	json_put(function, "from", json_address(site->function));
	json_put(function, "to", json_address(site->replacement));
	json_put(function, "strategy",
		 json_text(site_strategy_name(
			 (enum site_strategy)site->strategy)));
	json_put(function, "reality", json_text(reality_name(reality)));
	owner = sites_owner(&survey->target.controls, site->function);
	if (reality == SITE_LEADS_TO_OTHER_PATCH && owner)
		json_put(function, "overridden_by",
			 json_text(owner->block.name));
	return function;
}

static json_t *sites_json(const struct survey *survey,
			  const struct control *control)
{
	json_t *functions = json_array();

	for (size_t i = 0; !control->damaged && i < control->block.nr_sites;
	     i++)
		json_add(functions,
			 site_json(survey, control, &control->sites[i]));
	return functions;
}

static void block_json(json_t *patch, const struct control *control)
{
	const struct control_block *block = &control->block;
	const struct manifest *manifest = control->manifest;
	char text[HEX_SIZE(SHA256_SIZE)];

	since_format(control, true, text, sizeof(text));
	json_put(patch, "since", json_text(*text ? text : NULL));
	hex_encode(block->digest, SHA256_SIZE, text);
	json_put(patch, "digest", json_text(text));
	json_put(patch, "reason",
		 json_text(manifest ? manifest->reason : NULL));
	json_put(patch, "ticket",
		 json_text(manifest ? manifest->ticket : NULL));
	json_put(patch, "overrides",
		 json_texts(manifest ? manifest->overrides : NULL,
			    manifest ? manifest->nr_overrides : 0));
	json_put(patch, "mode",
		 json_text(switch_mode_name((enum switch_mode)block->mode)));
	json_put(patch, "image", json_address(block->base));
	json_put(patch, "image_size",
		 json_integer((json_int_t)block->total_size));
	json_put(patch, "pause_us", json_us(block->pause_ns));
}

static json_t *control_json(const struct survey *survey,
			    const struct control *control)
{
	const struct control_block *block = &control->block;
	json_t *patch = json_object();

	json_put(patch, "name", json_text(patch_name(control)));
	json_put(patch, "state", json_text(state_name(control)));
	if (!control->damaged) {
		block_json(patch, control);
	} else {
		json_put(patch, "damage", json_text(control_damage(control)));
		json_put(patch, "image", json_address(block->base));
		json_put(patch, "image_size",
			 json_integer((json_int_t)block->total_size));
	}
	json_put(patch, "functions", sites_json(survey, control));
	return patch;
}

static json_t *survey_json(const struct survey *survey)
{
	json_t *process = json_object(), *patches = json_array();

	json_put(process, "pid", json_integer(survey->target.process->pid));
	json_put(process, "process",
		 json_text(survey->target.process->command));
	json_put(process, "executable",
		 json_text(survey->target.process->executable));
	json_put(process, "interrupted",
		 json_boolean(survey_is_interrupted(survey)));
	json_put(process, "busy", json_boolean(survey->busy));
	for (size_t i = 0; i < survey->target.controls.nr; i++)
		json_add(patches,
			 control_json(survey,
				      &survey->target.controls.entries[i]));
	json_put(process, "patches", patches);
	return process;
}

static void interrupted_describe(const struct survey *survey,
				 struct hf_diag *diag)
{
	const struct controls *controls = &survey->target.controls;

	hf_error(diag, -EUCLEAN, "interrupted",
		 "a hotfix command was killed while it worked on this process; "
		 "the process runs on, but its state is half-way");
	for (size_t i = 0; i < controls->nr; i++)
		if (control_is_transient(&controls->entries[i]))
			hf_detail(diag, "%s is %s",
				  controls->entries[i].block.name,
				  state_name(&controls->entries[i]));
	if (survey->stub)
		hf_detail(diag, "the entry point holds hotfix's stub");
	hf_hint(diag, "hotfix recover -p %d", (int)survey->target.process->pid);
}

static void interrupted_explain(struct status *status,
				const struct survey *survey)
{
	const struct process *process = survey->target.process;
	const struct control *damaged = target_damaged(&survey->target);
	char label[PROCESS_LABEL_SIZE];
	struct hf_diag diag = { 0 };

	if (damaged)
		control_explain_damage(damaged, &diag);
	else
		interrupted_describe(survey, &diag);
	output_error(status->output,
		     process_label(process->pid, process->command, label),
		     &diag);
}

static void busy_explain(struct status *status, const struct survey *survey)
{
	char label[PROCESS_LABEL_SIZE];

	output_warning(status->output,
		       "%s: another hotfix is at work on it; ask again",
		       process_label(survey->target.process->pid,
				     survey->target.process->command, label));
}

/* Return: 0; -EUCLEAN interrupted; -ENOMEM. */
static int survey_report(struct status *status, const struct survey *survey,
			 struct hf_diag *diag)
{
	struct output *output = status->output;
	int r = 0;

	status->nr_patches += survey->target.controls.nr;
	if (output->json)
		json_add(json_array_of(output->root, output->list),
			 survey_json(survey));
	for (size_t i = 0; !r && i < survey->target.controls.nr; i++) {
		remark_add(status, &survey->target.controls.entries[i]);
		if (!output->json)
			r = control_rows(&status->table, survey,
					 &survey->target.controls.entries[i]);
	}
	if (r)
		return hf_fail(diag, r, "cannot list the patches");
	return survey_is_interrupted(survey) ? -EUCLEAN : 0;
}

/* Nothing leads to it: no error, but it should not be forgotten. */
static void orphans_explain(struct status *status, const struct survey *survey)
{
	const struct process *process = survey->target.process;
	char label[PROCESS_LABEL_SIZE];

	for (size_t i = 0; i < survey->target.controls.nr; i++) {
		const struct control *control =
			&survey->target.controls.entries[i];

		if (control->orphaned)
			output_warning(status->output,
				       "%s: the library that %s was for is no "
				       "longer loaded, and the patch with it; "
				       "hotfix recover -p %d unmaps what is "
				       "left",
				       process_label(process->pid,
						     process->command, label),
				       patch_name(control), process->pid);
	}
}

static void failure_report(struct status *status, pid_t pid, int error,
			   const struct hf_diag *diag)
{
	struct output *output = status->output;
	char label[PROCESS_LABEL_SIZE], name[PROCESS_NAME_SIZE];
	json_t *process;

	process_name_read(pid, name);
	output_error(output, process_label(pid, name, label), diag);
	if (!output->json)
		return;
	process = json_object();
	json_put(process, "pid", json_integer(pid));
	json_put(process, "process", json_text(name));
	json_put(process, "exit", json_integer(diag_exit_status(error)));
	json_put(process, "error", json_error(diag));
	json_add(json_array_of(output->root, output->list), process);
}

/* It has ended since the search, whatever error that looked like. */
static bool process_gone(pid_t pid)
{
	owned(process_free_p) struct process *process = NULL;

	return process_open(pid, &process, NULL) == -ESRCH;
}

/* Every process before the table, so that errors stand above it. */
static void process_status(struct status *status, pid_t pid, bool asked_for)
{
	owned(survey_release_p) struct survey survey = { 0 };
	struct hf_diag diag = { 0 };
	int r;

	r = survey_read(pid, &survey, &diag);
	if (r && !asked_for && process_gone(pid))
		return;
	if (!r) {
		r = survey_report(status, &survey, &diag);
		if (r == -EUCLEAN)
			interrupted_explain(status, &survey);
		else if (survey.busy)
			busy_explain(status, &survey);
		orphans_explain(status, &survey);
	}
	if (r && r != -EUCLEAN)
		failure_report(status, pid, r, &diag);
	exit_tally_add(&status->tally, diag_exit_status(r));
}

/* An interrupted process is what the operator must hear of before all else. */
static enum hf_exit status_result(const struct exit_tally *tally)
{
	return tally->counts[HF_EXIT_INTERRUPTED] ? HF_EXIT_INTERRUPTED
						  : exit_tally_result(tally);
}

static void status_print(struct status *status, bool everywhere,
			 size_t nr_unreadable)
{
	struct output *output = status->output;

	if (!status->nr_patches && nr_unreadable && everywhere)
		output_print(output, "none of the processes that may be read "
				     "carries a patch\n");
	else if (!status->nr_patches && status->tally.counts[HF_EXIT_DONE])
		output_print(output, "no patch in %s\n",
			     status->tally.counts[HF_EXIT_DONE] == 1
				     ? "this process"
				     : "these processes");
	else if (!status->nr_patches && everywhere &&
		 !status_result(&status->tally))
		output_print(output, "no process carries a patch\n");
	if (status->nr_patches)
		table_print(&status->table, output);
	if (status->nr_remarks)
		output_print(output, "\n");
	for (size_t i = 0; i < status->nr_remarks; i++)
		output_print(output, "%s\n", status->remarks[i].text);
}

static int table_begin(struct table *table, struct hf_diag *diag)
{
	static const char *const names[NR_COLUMNS] = {
		[COLUMN_PID] = "PID",	  [COLUMN_PROCESS] = "PROCESS",
		[COLUMN_PATCH] = "PATCH", [COLUMN_STATE] = "STATE",
		[COLUMN_SINCE] = "SINCE", [COLUMN_FUNCTION] = "FUNCTION",
		[COLUMN_SITE] = "SITE",
	};
	struct table_row *row;

	table->nr_columns = NR_COLUMNS;
	row = table_row_add(table);
	if (!row)
		return hf_fail(diag, -ENOMEM, "cannot list the patches");
	for (size_t i = 0; i < NR_COLUMNS; i++)
		table_cell_set(row, i, "%s", names[i]);
	return 0;
}

static enum hf_exit status_processes(struct status *status,
				     const struct command_line *line)
{
	owned(host_release_p) struct host host = { 0 };
	const struct pids *pids = &line->pids;
	struct hf_diag diag = { 0 };
	bool everywhere = !line->pids.nr;
	int r;

	r = table_begin(&status->table, &diag);
	if (!r && everywhere)
		r = host_scan(&host, &diag);
	if (r)
		return output_failure(status->output, &diag,
				      diag_exit_status(r));
	if (everywhere)
		pids = &host.carriers;
	if (status->output->json)
		json_array_of(status->output->root, status->output->list);
	for (size_t i = 0; i < pids->nr; i++)
		process_status(status, pids->entries[i], !everywhere);
	status_print(status, everywhere, host.nr_unreadable);
	if (everywhere)
		output_unreadable(status->output, host.nr_unreadable);
	return status_result(&status->tally);
}

static enum hf_exit status_run(const struct command_line *line,
			       struct output *output)
{
	struct status status = { .output = output };
	enum hf_exit result;

	if (line->gdb)
		return status_gdb(&line->pids, output);
	result = status_processes(&status, line);
	status_pending(output);
	status_standing(output);
	table_release(&status.table);
	free(status.remarks);
	return result;
}

static int status_check(const struct command_line *line, struct hf_diag *diag)
{
	if (line->gdb && (line->pids.nr != 1 || line->json))
		return hf_error(diag, -EINVAL, "usage",
				"--gdb is for one process (-p), and without "
				"--json");
	return 0;
}

static const char *const synopsis[] = { "[-p PID]... [--json]", "--gdb -p PID",
					NULL };

const struct command command_status = {
	.name = "status",
	.summary = "which processes carry which patches",
	.synopsis = synopsis,
	.description =
		"Lists the patches that processes carry and what really stands "
		"at the entry of\nevery replaced function. Without -p: every "
		"process of the host.\n",
	.examples = "  hotfix status\n"
		    "  hotfix status -p 4711 --json\n"
		    "  hotfix status -p 4711 --gdb >patches.gdb; "
		    "gdb -p 4711 -x patches.gdb\n",
	.options = OPTION_PID | OPTION_GDB,
	.list = "processes",
	.check = status_check,
	.run = status_run,
};
