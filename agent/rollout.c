#include "rollout.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "clock.h"
#include "duration.h"
#include "guard.h"
#include "observe.h"
#include "progress.h"
#include "recorder.h"
#include "report.h"
#include "takeback.h"

struct rollout {
	struct output *output;
	const struct rollout_options *options;
	const struct operation_options *operation;
	const struct pids *pids; /* all of the service */
	struct batch_step step;
	struct observe_request observing;
	struct observer *observer;
	struct guard *guard;
	struct pids patched; /* by us, now; there is room for all */
	size_t nr_failed;
	struct exit_tally tally;
	int64_t from_ns; /* CLOCK_REALTIME: before the first was patched */
	size_t ends[WAVES_MAX + 2];
	size_t nr_waves;
};

bool rollout_is_wanted(const struct rollout_options *options)
{
	return options->waves.canary.value || options->waves.nr_then ||
	       options->observe_ns || options->probe ||
	       options->confirm_within_ns || options->atomic;
}

static bool observes(const struct rollout_options *options)
{
	return options->observe_ns || options->probe;
}

void rollout_tell_plan(struct output *output, size_t nr_processes,
		       const struct rollout_options *options)
{
	size_t ends[WAVES_MAX + 2];
	size_t nr = waves_ends(&options->waves, nr_processes, ends);
	json_t *list = output->json ? json_array_of(output->root, "plan") : NULL;

	output_print(output, "%zu wave%s:", nr, nr == 1 ? "" : "s");
	for (size_t i = 0; i < nr; i++) {
		if (list)
			json_add(list, json_integer((json_int_t)ends[i]));
		output_print(output, "%s %zu", i ? "," : "", ends[i]);
	}
	output_print(output, " process%s\n", nr_processes == 1 ? "" : "es");
}

struct proc_events *rollout_listen(const struct rollout_options *options,
			     struct output *output)
{
	struct hf_diag diag = { 0 };
	struct proc_events *events;

	if (!options->observe_ns || options->limits.exits == LIMIT_OFF)
		return NULL;
	if (!proc_events_open(&events, &diag))
		return events;
	output_warning(output, "how children of the processes end is not seen: %s",
		       diag.message);
	return NULL;
}

/* --- taking everything back ------------------------------------------------------ */

static enum hf_exit take_back(struct rollout *rollout, const char *because)
{
	const struct operation_options options = {
		.mode = SWITCH_QUIESCENT,
		.wait_ms = rollout->operation->wait_ms,
	};
	const struct takeback takeback = {
		.name = rollout->step.patch,
		.from_ns = rollout->from_ns,
		.until_ns = (int64_t)clock_ns(CLOCK_REALTIME),
		.options = &options,
	};

	return takeback_run(&takeback, &rollout->patched, because, "taken_back",
			    rollout->output);
}

static void taken_back_hint(enum hf_exit status, struct hf_diag *diag)
{
	if (status == HF_EXIT_DONE)
		hf_hint(diag, "everything was taken back: no process carries "
			      "what this command applied");
	else
		hf_hint(diag, "not everything could be taken back: `hotfix "
			      "status` says where it is, `hotfix revert` tries "
			      "again");
}

/* @r: why, in @diag. Everything is taken back, and the whole has failed. */
static enum hf_exit fail(struct rollout *rollout, int r, struct hf_diag *diag)
{
	enum hf_exit status = HF_EXIT_DONE;

	if (r == -EINTR)
		hf_error(diag, -EINTR, "stopped",
			 "stopped by SIG%s before all was observed",
			 sigabbrev_np(signal_waiting()));
	/* Said at once: to take it back may take its time. */
	output_print(rollout->output, "taking everything back: %s\n",
		     diag->message);
	output_flush(rollout->output);
	if (rollout->patched.nr)
		status = take_back(rollout, diag->message);
	taken_back_hint(status, diag);
	return output_failure(rollout->output, diag,
			      status ? HF_EXIT_PARTIAL : HF_EXIT_FAILED);
}

/* --- one wave ---------------------------------------------------------------------- */

static void process_told(void *context, const struct operation_report *report,
			 int error)
{
	struct rollout *rollout = context;

	exit_tally_add(&rollout->tally, diag_exit_status(error));
	rollout->nr_failed += error != 0;
	if (report->outcome != OUTCOME_APPLIED || error)
		return;
	rollout->patched.entries[rollout->patched.nr++] = report->pid;
	if (rollout->observer)
		observer_patched(rollout->observer, report->pid);
}

/* "1234 5678" */
static void environment_set(const struct rollout *rollout, size_t wave)
{
	size_t size = rollout->patched.nr * 12 + 1, used = 0;
	owned(free_p) char *text = calloc(1, size);
	char number[48];

	for (size_t i = 0; text && i < rollout->patched.nr; i++)
		used += (size_t)snprintf(text + used, size - used, "%s%d",
					 i ? " " : "",
					 (int)rollout->patched.entries[i]);
	setenv("HOTFIX_PIDS", text ? text : "", true);
	setenv("HOTFIX_PATCH", rollout->step.patch, true);
	snprintf(number, sizeof(number), "%zu/%zu", wave + 1,
		 rollout->nr_waves);
	setenv("HOTFIX_WAVE", number, true);
}

static int wave_observe(struct rollout *rollout, size_t wave,
			struct hf_diag *diag)
{
	uint64_t observe_ns = rollout->options->observe_ns;
	struct progress *progress;
	char text[160], time[DURATION_TEXT_SIZE];
	int r;

	if (!rollout->observer || !rollout->patched.nr)
		return 0;
	duration_format(observe_ns, rollout->output->utf8, time);
	snprintf(text, sizeof(text), "observing %zu processes for %s",
		 rollout->patched.nr, time);
	environment_set(rollout, wave);
	progress = progress_begin(rollout->output, text);
	r = observer_watch(rollout->observer, observe_ns, diag);
	progress_end(progress);
	if (r == 0)
		output_print(rollout->output,
			     "%s well after %s%s\n",
			     rollout->patched.nr == 1 ? "the process is" :
							"the processes are",
			     observe_ns ? time : "the probe",
			     rollout->options->probe && observe_ns ?
				     " and by the probe" : "");
	return r;
}

static void wave_tell(const struct rollout *rollout, size_t wave,
		      const struct pids *pids)
{
	if (rollout->nr_waves > 1)
		output_print(rollout->output,
			     "wave %zu of %zu: %zu process%s, %zu of %zu\n",
			     wave + 1, rollout->nr_waves, pids->nr,
			     pids->nr == 1 ? "" : "es", rollout->ends[wave],
			     rollout->pids->nr);
	output_flush(rollout->output);
}

static void wave_json(const struct rollout *rollout, const struct pids *pids,
		      int r)
{
	json_t *wave, *list;

	if (!rollout->output->json)
		return;
	wave = json_object();
	list = json_array();
	for (size_t i = 0; i < pids->nr; i++)
		json_add(list, json_integer(pids->entries[i]));
	json_put(wave, "pids", list);
	json_put(wave, "observed_ms", json_ms(rollout->options->observe_ns));
	json_put(wave, "well", json_boolean(r == 0));
	json_add(json_array_of(rollout->output->root, "waves"), wave);
}

static int not_atomic(const struct rollout *rollout, struct hf_diag *diag)
{
	hf_refuse(diag, "not-atomic",
		  "%zu of the %zu processes could not be patched, and all or "
		  "none was asked for",
		  rollout->nr_failed, rollout->pids->nr);
	hf_hint(diag, "the reason stands with each process, above");
	return -ECANCELED;
}

static int nobody_patched(size_t wave, struct hf_diag *diag)
{
	hf_refuse(diag, "wave-failed",
		  "no process of wave %zu could be patched: the others were not "
		  "tried",
		  wave + 1);
	return -ECANCELED;
}

/* Return: 0; -ECANCELED, -EINTR: everything is to be taken back. */
static int wave_run(struct rollout *rollout, size_t wave, struct hf_diag *diag)
{
	size_t begin = wave ? rollout->ends[wave - 1] : 0;
	const struct pids pids = { rollout->pids->entries + begin,
				   rollout->ends[wave] - begin };
	size_t nr_failed_before = rollout->nr_failed;
	int r = 0;

	wave_tell(rollout, wave, &pids);
	(void)batch_run(rollout->output, &pids, &rollout->step);
	output_flush(rollout->output);
	if (rollout->options->atomic && rollout->nr_failed)
		r = not_atomic(rollout, diag);
	else if (signal_waiting())
		r = -EINTR;
	else if (rollout->nr_waves > 1 &&
		 rollout->nr_failed - nr_failed_before == pids.nr)
		r = nobody_patched(wave, diag);
	if (r == 0)
		r = wave_observe(rollout, wave, diag);
	wave_json(rollout, &pids, r);
	return r;
}

/* --- before the first --------------------------------------------------------------- */

static void refusal_record(const struct rollout *rollout, pid_t pid,
			   struct operation_report *report, int error,
			   const struct hf_diag *diag)
{
	struct recorder *recorder =
		recorder_begin("apply", NULL, rollout->step.file);

	report->pid = pid;
	recorder_add(recorder, report, error, diag);
	recorder_end(recorder, rollout->output);
}

/*
 * Of all or none: what would be refused in one is found before any is touched. It
 * may still be too busy, or gone, when its turn comes.
 */
static int all_check(const struct rollout *rollout, struct hf_diag *diag)
{
	struct operation_options dry = *rollout->operation;
	int r = 0;

	dry.dry_run = true;
	for (size_t i = 0; r == 0 && i < rollout->pids->nr; i++) {
		struct operation_report report = { 0 };
		pid_t pid = rollout->pids->entries[i];
		char name[PROCESS_NAME_SIZE];

		r = operation_apply(pid, rollout->step.file, &dry, &report,
				    diag);
		if (r)
			refusal_record(rollout, pid, &report, r, diag);
		operation_report_release(&report);
		if (r == 0)
			continue;
		process_name_read(pid, name);
		hf_context(diag, r, "pid %d (%s)", (int)pid, name);
		hf_hint(diag, "--atomic: nothing was changed in any process");
	}
	return r;
}

static int observer_begin(struct rollout *rollout, struct hf_diag *diag)
{
	struct progress *progress;
	int r;

	if (!observes(rollout->options))
		return 0;
	r = observer_new(rollout->pids, &rollout->observing,
			 &rollout->observer, diag);
	if (r < 0 || !rollout->options->observe_ns)
		return r;
	progress = progress_begin(rollout->output, "measuring what is normal");
	r = observer_measure_normal(rollout->observer);
	progress_end(progress);
	return r;
}

static int begin(struct rollout *rollout, struct hf_diag *diag)
{
	const struct guard_request request = {
		.patch = rollout->step.file,
		.pids = rollout->pids,
		.confirm_within_ns = rollout->options->confirm_within_ns,
	};
	int r = 0;

	rollout->patched.entries =
		calloc(rollout->pids->nr, sizeof(*rollout->patched.entries));
	if (!rollout->patched.entries)
		return hf_fail(diag, -ENOMEM, "cannot apply");
	if (rollout->options->atomic)
		r = all_check(rollout, diag);
	if (r == 0)
		r = observer_begin(rollout, diag);
	if (r == -EINTR)
		return hf_error(diag, r, "stopped",
				"stopped by SIG%s, and nothing was changed",
				sigabbrev_np(signal_waiting()));
	if (r == 0)
		r = guard_begin(&request, &rollout->guard, diag);
	rollout->from_ns = (int64_t)clock_ns(CLOCK_REALTIME);
	return r;
}

/* --- and after the last --------------------------------------------------------------- */

static void deadline_tell(struct rollout *rollout, int64_t deadline_ns)
{
	time_t seconds = (time_t)(deadline_ns / (int64_t)NS_PER_S);
	struct output *output = rollout->output;
	char text[32] = "";
	struct tm tm;

	if (localtime_r(&seconds, &tm))
		strftime(text, sizeof(text), "%H:%M:%S", &tm);
	output_print(output,
		     "%s is taken back at %s unless it is confirmed:\n"
		     "  hotfix confirm %s\n",
		     rollout->step.patch, text, rollout->step.patch);
	if (output->json)
		json_put(output->root, "confirm_until_ns",
			 json_integer(deadline_ns));
}

static enum hf_exit succeed(struct rollout *rollout, struct hf_diag *diag)
{
	struct guard *guard = rollout->guard;
	int64_t deadline_ns;

	rollout->guard = NULL;
	if (!rollout->options->confirm_within_ns || !rollout->patched.nr) {
		guard_dismiss(guard);
	} else if (guard_arm(guard, &deadline_ns, diag)) {
		return output_failure(rollout->output, diag, HF_EXIT_FAILED);
	} else {
		deadline_tell(rollout, deadline_ns);
	}
	return exit_tally_result(&rollout->tally);
}

static enum hf_exit waves_run(struct rollout *rollout, struct hf_diag *diag)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < rollout->nr_waves; i++)
		r = wave_run(rollout, i, diag);
	return r ? fail(rollout, r, diag) : succeed(rollout, diag);
}

enum hf_exit rollout_run(struct output *output, const struct pids *pids,
			 const struct batch_step *step,
			 const struct operation_options *operation,
			 const struct rollout_options *options,
			 struct proc_events *events)
{
	struct rollout rollout = {
		.output = output,
		.options = options,
		.operation = operation,
		.pids = pids,
		.step = *step,
		.observing = {
			.limits = options->limits,
			.probe = options->probe,
			.events = events,
			.give_up = signal_is_waiting,
		},
	};
	struct hf_diag diag = { 0 };
	enum hf_exit status;
	int r;

	rollout.step.told = process_told;
	rollout.step.told_context = &rollout;
	rollout.nr_waves = waves_ends(&options->waves, pids->nr, rollout.ends);
	if (output->json)
		json_array_of(output->root, output->list);
	r = begin(&rollout, &diag);
	status = r ? output_failure(output, &diag, diag_exit_status(r)) :
		     waves_run(&rollout, &diag);
	guard_dismiss(rollout.guard);
	observer_free(rollout.observer);
	pids_release(&rollout.patched);
	return status;
}
