/*
 * hotfix watch: a service that keeps standing fixes applied (watch.h).
 */
#include "cmd.h"
#include "privileges.h"
#include "watch.h"

static enum hf_exit watch_command(const struct command_line *line,
				  struct output *output)
{
	owned(proc_events_close_p) struct proc_events *events = NULL;
	const struct watch_options options = { .once = line->once,
					       .json = line->json };
	struct hf_diag diag = { 0 };
	int r = line->once ? 0 : proc_events_open(&events, &diag);

	privileges_reduce(false);
	if (r)
		output_warning(output, "new processes are looked for every some "
			       "milliseconds, and of one that dies it is not known "
			       "how: %s", diag.message);
	output_flush(output);
	r = watch_run(&options, events, &diag);
	return r ? output_failure(output, &diag, diag_exit_status(r)) :
		   HF_EXIT_DONE;
}

static const char *const synopsis[] = { "[--once] [--json]", NULL };

const struct command command_watch = {
	.name = "watch",
	.summary = "keep standing fixes applied to new processes",
	.synopsis = synopsis,
	.description =
		"Applies the standing fixes (hotfix keep) to every process of their "
		"builds that\nruns, and to each that starts, until SIGTERM or "
		"SIGINT. A fix of which two\nprocesses die within 10 s is not "
		"applied any more. Made to be run by systemd:\nsystemctl enable "
		"--now hotfix-watch\n",
	.examples = "  hotfix watch --once\n",
	.options = OPTION_ONCE,
	.listens = true,
	.changes_processes = true,
	.list = "results",
	.run = watch_command,
};
