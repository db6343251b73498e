/*
 * hotfix confirm: what was applied with --confirm-within stays.
 */
#include <errno.h>
#include <string.h>

#include "cmd.h"
#include "pending.h"
#include "recorder.h"

struct confirm {
	const char *name;
	struct output *output;
	size_t nr_confirmed, nr_late;
};

static void confirmed_tell(const struct confirm *confirm,
			   const struct pending *pending)
{
	struct output *output = confirm->output;
	json_t *pids;

	output_print(output, "%s stays in %zu process%s\n", pending->name,
		     pending->pids.nr, pending->pids.nr == 1 ? "" : "es");
	if (!output->json)
		return;
	pids = json_array_of(output->root, output->list);
	for (size_t i = 0; i < pending->pids.nr; i++)
		json_add(pids, json_integer(pending->pids.entries[i]));
}

static int pending_confirm(void *context, struct pending *pending)
{
	struct confirm *confirm = context;

	if (strcmp(pending->name, confirm->name))
		return 0;
	if (pending->state != PENDING_WAITING || pending_remove(pending)) {
		confirm->nr_late++;
		return 0;
	}
	confirm->nr_confirmed++;
	confirmed_tell(confirm, pending);
	record_confirm(pending, confirm->output);
	return 0;
}

static int nothing_waits(const struct confirm *confirm, struct hf_diag *diag)
{
	if (confirm->nr_late)
		hf_error(diag, -ETIMEDOUT, "too-late",
			 "%s was not confirmed in time: it is being taken back",
			 confirm->name);
	else
		hf_error(diag, -ENOENT, "nothing-waits",
			 "no application of %s waits to be confirmed",
			 confirm->name);
	hf_hint(diag, "`hotfix log --name %s` says what has become of it",
		confirm->name);
	return confirm->nr_late ? -ETIMEDOUT : -ENOENT;
}

static enum hf_exit confirm_run(const struct command_line *line,
				struct output *output)
{
	struct confirm confirm = { .name = line->arguments[0],
				   .output = output };
	struct hf_diag diag = { 0 };
	int r;

	if (output->json) {
		json_put(output->root, "patch", json_text(confirm.name));
		json_array_of(output->root, output->list);
	}
	r = pending_each(pending_confirm, &confirm, &diag);
	if (r == 0 && !confirm.nr_confirmed)
		r = nothing_waits(&confirm, &diag);
	return r ? output_failure(output, &diag, diag_exit_status(r)) :
		   HF_EXIT_DONE;
}

static const char *const synopsis[] = { "NAME [--json]", NULL };

const struct command command_confirm = {
	.name = "confirm",
	.summary = "let a patch stay that waits for it",
	.synopsis = synopsis,
	.description =
		"A patch that was applied with --confirm-within is taken back "
		"when that time is\nover. This lets it stay.\n",
	.examples = "  hotfix confirm fix-charge\n",
	.argument = "the name of the patch (NAME)",
	.min_arguments = 1,
	.max_arguments = 1,
	.list = "pids",
	.check = command_line_check_name,
	.run = confirm_run,
};
