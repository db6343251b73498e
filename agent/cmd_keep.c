/*
 * hotfix keep, hotfix unkeep: fixes that new processes are to run as well.
 */
#include <errno.h>
#include <string.h>
#include <time.h>

#include "../lib/digest.h"
#include "clock.h"
#include "cmd.h"
#include "cmd_patch.h"
#include "patch_store.h"
#include "recorder.h"
#include "standing.h"
#include "state_dir.h"
#include "table.h"
#include "watch_lock.h"

/* --- listing ------------------------------------------------------------------ */

enum { COLUMN_PATCH, COLUMN_STATE, COLUMN_SINCE, COLUMN_BECAUSE, NR_COLUMNS };

struct listing {
	struct output *output;
	struct table table;
	size_t nr;
};

static void time_format(int64_t ns, char *text, size_t size)
{
	time_t seconds = (time_t)(ns / (int64_t)NS_PER_S);
	struct tm tm;

	*text = '\0';
	if (localtime_r(&seconds, &tm))
		strftime(text, size, "%Y-%m-%d %H:%M:%S", &tm);
}

static json_t *standing_json(const struct standing *standing)
{
	json_t *entry = json_object();
	char digest[HEX_SIZE(SHA256_SIZE)];

	hex_encode(standing->digest, SHA256_SIZE, digest);
	json_put(entry, "patch", json_text(standing->name));
	json_put(entry, "digest", json_text(digest));
	json_put(entry, "state",
		 json_text(standing_state_name(standing->state)));
	json_put(entry, "kept_at_ns", json_integer(standing->kept_at_ns));
	json_put(entry, "because",
		 json_text(*standing->because ? standing->because : NULL));
	return entry;
}

static int standing_list(void *context, const struct standing *standing)
{
	struct listing *listing = context;
	struct output *output = listing->output;
	struct table_row *row = table_row_add(&listing->table);
	char since[32];

	if (!row)
		return -ENOMEM;
	listing->nr++;
	time_format(standing->kept_at_ns, since, sizeof(since));
	table_cell_set(row, COLUMN_PATCH, "%s", standing->name);
	table_cell_set(row, COLUMN_STATE, "%s",
		       standing_state_name(standing->state));
	table_cell_set(row, COLUMN_SINCE, "%s", since);
	table_cell_set(row, COLUMN_BECAUSE, "%s", standing->because);
	if (output->json)
		json_add(json_array_of(output->root, output->list),
			 standing_json(standing));
	return 0;
}

static int heading_add(struct table *table)
{
	static const char *const names[NR_COLUMNS] = { "PATCH", "STATE", "SINCE",
						       "BECAUSE" };
	struct table_row *row;

	table->nr_columns = NR_COLUMNS;
	row = table_row_add(table);
	for (size_t i = 0; row && i < NR_COLUMNS; i++)
		table_cell_set(row, i, "%s", names[i]);
	return row ? 0 : -ENOMEM;
}

/* Without it they are only kept, and not applied. */
static void watcher_tell(struct output *output)
{
	bool runs = watch_is_running();

	if (output->json)
		json_put(output->root, "watched", json_boolean(runs));
	else if (!runs)
		output_warning(output, "no watcher runs, and new processes do "
			       "not get them: systemctl enable --now "
			       "hotfix-watch, or hotfix watch");
}

static enum hf_exit keep_list(struct output *output)
{
	struct listing listing = { .output = output };
	struct hf_diag diag = { 0 };
	int r = heading_add(&listing.table);

	if (output->json)
		json_array_of(output->root, output->list);
	if (r == 0)
		r = standing_each(standing_list, &listing, &diag);
	if (r == -ENOMEM)
		hf_fail(&diag, r, "cannot list the standing fixes");
	if (r == 0 && listing.nr)
		table_print(&listing.table, output);
	else if (r == 0)
		output_print(output, "no standing fix\n");
	table_release(&listing.table);
	if (r)
		return output_failure(output, &diag, diag_exit_status(r));
	if (listing.nr)
		watcher_tell(output);
	return HF_EXIT_DONE;
}

/* --- keeping ------------------------------------------------------------------- */

static int patch_keep(const struct patch_file *patch, const char *path,
		      struct standing *standing, struct hf_diag *diag)
{
	int r = state_directory_make(diag);

	if (r == 0)
		r = patch_store_keep(patch, diag);
	if (r == 0)
		r = patch_store_keep_signature(patch, path, diag);
	if (r)
		return r;
	*standing = (struct standing){
		.kept_at_ns = (int64_t)clock_ns(CLOCK_REALTIME),
	};
	snprintf(standing->name, sizeof(standing->name), "%s",
		 patch->manifest->name);
	memcpy(standing->digest, patch->digest, SHA256_SIZE);
	return standing_write(standing, diag);
}

static enum hf_exit keep_run(const struct command_line *line,
			     struct output *output)
{
	struct cmd_patch opened;
	struct standing standing;
	struct hf_diag diag = { 0 };
	int r;

	if (!line->nr_arguments)
		return keep_list(output);
	r = cmd_patch_open(line, output, &opened, &diag);
	if (r)
		return output_failure(output, &diag, diag_exit_status(r));
	r = patch_keep(opened.patch, line->arguments[0], &standing, &diag);
	cmd_patch_close(&opened);
	if (r)
		return output_failure(output, &diag, diag_exit_status(r));
	record_standing("keep", &standing, "kept", output);
	output_print(output, "%s is a standing fix: every process of its build "
		     "gets it, those that run too\n", standing.name);
	if (output->json)
		json_add(json_array_of(output->root, output->list),
			 standing_json(&standing));
	watcher_tell(output);
	return HF_EXIT_DONE;
}

static const char *const keep_synopsis[] = { "FIX [--policy FILE]", "[--json]",
					     NULL };

const struct command command_keep = {
	.name = "keep",
	.summary = "let new processes run a patch, too",
	.synopsis = keep_synopsis,
	.description =
		"Makes the patch file FIX a standing fix: `hotfix watch` applies "
		"it to every\nprocess of its build, those that run and each that "
		"starts. One that was locked\nbecause processes died of it stands "
		"again. Without FIX: lists them.\n",
	.examples = "  hotfix keep fix-charge.hotfix.so\n"
		    "  hotfix keep\n",
	.options = OPTION_POLICY,
	.argument = "the patch file (FIX)",
	.max_arguments = 1,
	.list = "standing",
	.run = keep_run,
};

/* --- and no more ---------------------------------------------------------------- */

static enum hf_exit unkeep_run(const struct command_line *line,
			       struct output *output)
{
	struct standing standing = { 0 };
	struct hf_diag diag = { 0 };
	int r = standing_find(line->arguments[0], &standing, &diag);

	if (r == 0)
		r = standing_remove(standing.name, &diag);
	if (r)
		return output_failure(output, &diag, diag_exit_status(r));
	record_standing("unkeep", &standing, "ended", output);
	output_print(output, "%s is no standing fix any more; processes that have "
		     "it keep it\n", standing.name);
	if (output->json)
		json_add(json_array_of(output->root, output->list),
			 standing_json(&standing));
	return HF_EXIT_DONE;
}

static const char *const unkeep_synopsis[] = { "NAME [--json]", NULL };

const struct command command_unkeep = {
	.name = "unkeep",
	.summary = "end that; processes that have it keep it",
	.synopsis = unkeep_synopsis,
	.description =
		"The patch NAME is no standing fix any more: new processes do not "
		"get it.\nProcesses that have it keep it: hotfix revert.\n",
	.examples = "  hotfix unkeep fix-charge\n",
	.argument = "the name of the patch (NAME)",
	.min_arguments = 1,
	.max_arguments = 1,
	.list = "standing",
	.check = command_line_check_name,
	.run = unkeep_run,
};
