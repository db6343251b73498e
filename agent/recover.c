/*
 * Recover: undo or finish what a dead agent left, and say which.
 *
 *   stub at _start          its own bytes are put back
 *   memfd left open         closed
 *   STAGED                  unmapped: no site leads to it
 *   SWITCHING               finished when every site leads to it already,
 *                           otherwise undone and unmapped
 *   REVERTING               with SWITCHING undone beside it (an interrupted
 *                           exchange): active again; otherwise finished
 *   RETIRED                 another try to unmap it
 *   damaged                 reported and left alone: where its sites are is
 *                           unknown
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "borrow.h"
#include "change.h"
#include "clock.h"
#include "image.h"
#include "operation_report.h"
#include "retire.h"
#include "sites.h"

#define SEIZE_TIMEOUT_MS 5000
#define HOLD_TIMEOUT_MS 100
#define SWEEP_TRIES 50
#define SWEEP_GAP_NS (10 * NS_PER_MS)

struct recover {
	const struct operation_options *options;
	struct operation_report *report;
	struct target target;
	bool acted;
};

static int sweep_once(const struct process *process, bool *ret_found,
		      struct hf_diag *diag)
{
	owned(tracee_free_p) struct tracee *tracee = NULL;
	int r;

	r = tracee_seize(process, SEIZE_TIMEOUT_MS, &tracee, diag);
	if (r == 0)
		r = tracee_hold_all(tracee, HOLD_TIMEOUT_MS, diag);
	if (r == 0)
		r = remote_sweep(tracee, ret_found, diag);
	return r;
}

/* A thread that a dead agent borrowed leaves the stub by itself, soon. */
static int recover_stub(struct recover *recover, struct hf_diag *diag)
{
	bool present = false, found = false;
	int r;

	r = remote_stub_present(recover->target.process, &present, diag);
	if (r < 0 || !present)
		return r;
	for (unsigned int i = 0; i < SWEEP_TRIES; i++) {
		r = sweep_once(recover->target.process, &found, diag);
		if (r != -EAGAIN && r != -ETIMEDOUT)
			break;
		sleep_ns(SWEEP_GAP_NS);
	}
	if (r == 0 && found) {
		report_note(recover->report, "put the program's own code back "
					     "at its entry point");
		recover->acted = true;
	}
	return r;
}

struct leftovers {
	size_t nr_closed;
};

static int leftovers_close(struct remote *remote, void *context,
			   struct hf_diag *diag)
{
	struct leftovers *leftovers = context;

	return image_close_leftovers(remote, &leftovers->nr_closed, diag);
}

static int recover_descriptors(struct recover *recover, struct hf_diag *diag)
{
	struct leftovers leftovers = { 0 };
	bool present = false;
	int r;

	r = image_leftovers_present(recover->target.process, &present, diag);
	if (r < 0 || !present)
		return r;
	r = borrow_thread(recover->target.process, leftovers_close, &leftovers,
			  diag);
	if (r == 0 && leftovers.nr_closed) {
		report_note(recover->report, "closed %zu descriptors",
			    leftovers.nr_closed);
		recover->acted = true;
	}
	return r;
}

/* Whether every site of a block leads to it, or to one above it. */
static bool switch_is_complete(const struct recover *recover,
			       const struct control *control)
{
	for (size_t i = 0; i < control->block.nr_sites; i++)
		if (site_inspect(recover->target.process,
				 &recover->target.controls, control,
				 &control->sites[i]) != SITE_LEADS_HERE)
			return false;
	return true;
}

static bool in_state(const struct control *control, enum control_state state)
{
	return !control->damaged && control->block.state == state;
}

/*
 * Decides what shall be active.
 * Return: whether there is anything half done.
 */
static bool recover_decide(struct recover *recover, bool *after)
{
	struct controls *controls = &recover->target.controls;
	bool undone = false, half_done = false;

	for (size_t i = 0; i < controls->nr; i++) {
		struct control *control = &controls->entries[i];

		after[i] = in_state(control, CONTROL_ACTIVE);
		if (!in_state(control, CONTROL_SWITCHING))
			continue;
		half_done = true;
		after[i] = switch_is_complete(recover, control);
		undone |= !after[i];
		report_note(recover->report, "%s the interrupted apply of %s",
			    after[i] ? "finished" : "undid",
			    control->block.name);
	}
	for (size_t i = 0; i < controls->nr; i++) {
		struct control *control = &controls->entries[i];

		if (!in_state(control, CONTROL_REVERTING))
			continue;
		half_done = true;
		after[i] = undone;
		report_note(recover->report, "%s the interrupted revert of %s",
			    undone ? "undid" : "finished", control->block.name);
	}
	return half_done;
}

static int recover_switch(struct recover *recover, struct hf_diag *diag)
{
	owned(free_p) bool *after =
		calloc(recover->target.controls.nr + 1, sizeof(*after));
	struct switch_result result;
	int r;

	if (!after)
		return hf_fail(diag, -ENOMEM, "cannot recover");
	if (!recover_decide(recover, after))
		return 0;
	r = change_run(&recover->target, after, recover->options, &result, diag);
	report_switch(recover->report, &result);
	recover->acted = true;
	return r;
}

/* What nothing leads to any more goes, if nothing points to it. */
static void recover_image(struct recover *recover,
			  const struct control *control)
{
	struct hf_diag why = { 0 };
	char reason[256];
	int r;

	r = retire_image(&recover->target, control, false, reason,
			 sizeof(reason), &why);
	recover->acted = true;
	if (r == 0)
		report_note(recover->report,
			    "unmapped the unused image of %s at 0x%" PRIx64,
			    control->block.name, control->mapped.start);
	else
		report_note(recover->report,
			    "the unused image of %s at 0x%" PRIx64
			    " stays mapped: %s",
			    control->block.name, control->mapped.start,
			    r > 0 ? reason : why.message);
}

static int recover_images(struct recover *recover, struct hf_diag *diag)
{
	const struct controls *controls = &recover->target.controls;
	int r = 0;

	for (size_t i = 0; i < controls->nr; i++) {
		const struct control *control = &controls->entries[i];

		if (in_state(control, CONTROL_STAGED) ||
		    in_state(control, CONTROL_RETIRED))
			recover_image(recover, control);
		if (!control->damaged)
			continue;
		r = hf_error(diag, -EUCLEAN, "damaged",
			     "the image at 0x%" PRIx64 " has no readable "
			     "control block: which functions lead to it is "
			     "unknown, so it is left alone",
			     control->mapped.start);
		hf_hint(diag, "restart the process when you can");
	}
	return r;
}

static int recover_opened(struct recover *recover, struct hf_diag *diag)
{
	int r;

	r = recover_stub(recover, diag);
	if (r == 0)
		r = recover_descriptors(recover, diag);
	if (r == 0)
		r = recover_switch(recover, diag);
	if (r == 0)
		r = recover_images(recover, diag);
	if (r == 0)
		recover->report->outcome =
			recover->acted ? OUTCOME_RECOVERED : OUTCOME_CLEAN;
	return r;
}

int operation_recover(pid_t pid, const struct operation_options *options,
		      struct operation_report *report, struct hf_diag *diag)
{
	struct recover recover = { .options = options, .report = report };
	uint64_t began_ns = monotonic_ns();
	int r;

	report_begin(report, pid, NULL);
	r = target_open(pid, true, &recover.target, diag);
	if (r < 0)
		return r;
	report_process(report, recover.target.process);
	r = recover_opened(&recover, diag);
	target_close(&recover.target);
	report->total_ns = monotonic_ns() - began_ns;
	return r;
}
