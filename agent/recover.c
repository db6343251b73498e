/*
 * Recover: undo or finish what a dead agent left, and say which.
 *
 *   thread in the stub      waited for: it restores itself, perhaps after the
 *                           one system call or the hook that it was given
 *   memfd left open         closed
 *   STAGED                  unmapped: no site leads to it
 *   SWITCHING               finished when every site leads to it already, and
 *                           to the others that are SWITCHING; otherwise undone
 *                           and unmapped
 *   REVERTING               active again when nothing was stored yet, or when
 *                           a SWITCHING beside it is undone (an interrupted
 *                           exchange); otherwise finished
 *   RETIRED, orphaned       another try to unmap it
 *   damaged                 reported and left alone: where its sites are is
 *                           unknown
 *   stub at _start          its own bytes are put back, last of all: as long as
 *                           it stands, everybody sees that work was interrupted
 *
 * It may be killed itself, at any instant: what it has declared and written by
 * then is judged by the next one in the same way.
 *
 * What no recovery can undo, for it has happened when the agent dies:
 *
 *   - Between the stores of two functions of one patch, some lead to the new
 *     code and others do not, until recover runs. Each is whole by itself.
 *   - A thread that was stopped in epoll_wait() or another of the few calls
 *     that answer EINTR to any stop (see tracee.h), and whose result was not
 *     yet corrected, sees that EINTR. A relative sleep of the borrowed thread
 *     may begin anew.
 *   - A hook that runs goes on, with signals blocked and nobody to end it; one
 *     that was due later is never called. Nor is it noted when a patch was
 *     applied, and how long that took, if the agent died right after it.
 *   - A SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP or SIGSYS that somebody sent
 *     to the borrowed thread meanwhile, and that was to be sent again, is lost.
 *   - A filter of seccomp is back in force, see remote.h.
 *   - Anonymous memory (where the target may have no memfd) that was mapped
 *     and not yet written stays: untouched pages of address space that nothing
 *     tells from others.
 *   - A store across a page border is two stores to the kernel, and a SIGKILL
 *     can fall between them. No function that is aligned to 16 bytes has one.
 *   - A child that the target forked meanwhile carries a copy of it all; it
 *     recovers like any other process.
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
/* A thread needs no time worth speaking of, unless it runs a hook. */
#define STUB_TIMEOUT_MS 500
#define STUB_GAP_NS (10 * NS_PER_MS)

struct recover {
	const struct operation_options *options;
	struct operation_report *report;
	struct target target;
	bool acted;
};

typedef int (*held_work)(struct tracee *tracee, bool *ret_found,
			 struct hf_diag *diag);

static int held_once(const struct process *process, held_work work,
		     bool *ret_found, struct hf_diag *diag)
{
	owned(tracee_free_p) struct tracee *tracee = NULL;
	int r;

	r = tracee_seize(process, SEIZE_TIMEOUT_MS, &tracee, diag);
	if (r == 0)
		r = tracee_hold_all(tracee, HOLD_TIMEOUT_MS, diag);
	return r ? r : work(tracee, ret_found, diag);
}

/* Does @work in a joint stop in which no thread needs the stub. */
static int held_do(const struct recover *recover, held_work work,
		   bool *ret_found, struct hf_diag *diag)
{
	uint64_t limit_ns = recover->options->wait_ms * NS_PER_MS;
	uint64_t began_ns = monotonic_ns();
	int r;

	if (limit_ns < STUB_TIMEOUT_MS * NS_PER_MS)
		limit_ns = STUB_TIMEOUT_MS * NS_PER_MS;
	for (;;) {
		r = held_once(recover->target.process, work, ret_found, diag);
		if ((r != -EAGAIN && r != -ETIMEDOUT) ||
		    monotonic_ns() - began_ns > limit_ns)
			return r;
		sleep_ns(STUB_GAP_NS);
	}
}

static int drained(struct tracee *tracee, bool *ret_found, struct hf_diag *diag)
{
	*ret_found = true;
	return remote_drained(tracee, diag);
}

/*
 * Until a thread that was borrowed has restored itself it may still map, unmap
 * or open what it was told to: what was seen before does not count.
 */
static int recover_drain(struct recover *recover, struct hf_diag *diag)
{
	bool present = false, found;
	int r;

	r = remote_stub_present(recover->target.process, &present, diag);
	if (r < 0 || !present)
		return r;
	r = held_do(recover, drained, &found, diag);
	return r ? r : target_refresh(&recover->target, diag);
}

static int recover_stub(struct recover *recover, struct hf_diag *diag)
{
	bool present = false, found = false;
	int r;

	r = remote_stub_present(recover->target.process, &present, diag);
	if (r < 0 || !present)
		return r;
	r = held_do(recover, remote_sweep, &found, diag);
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

static bool in_state(const struct control *control, enum control_state state)
{
	return !control->damaged && control->block.state == state;
}

/*
 * Whether a function leads where it shall with the ACTIVE blocks and those in
 * @state in force: to the last of them.
 */
static bool function_leads(const struct recover *recover, hf_addr function,
			   enum control_state state)
{
	const struct controls *controls = &recover->target.controls;

	for (size_t i = controls->nr; i--;) {
		const struct control *control = &controls->entries[i];
		const struct control_site *site =
			control_site_find(control, function);

		if (site && (in_state(control, CONTROL_ACTIVE) ||
			     in_state(control, state)))
			return site_inspect(recover->target.process, controls,
					    control, site) == SITE_LEADS_HERE;
	}
	return false;
}

/* Whether all functions of a block are as if it was active. */
static bool sites_lead(const struct recover *recover,
		       const struct control *control)
{
	for (size_t i = 0; i < control->block.nr_sites; i++)
		if (!function_leads(recover, control->sites[i].function,
				    control->block.state))
			return false;
	return true;
}

/* A patch may consist of several blocks: one for each module. */
static bool switching_is_complete(const struct recover *recover)
{
	const struct controls *controls = &recover->target.controls;

	for (size_t i = 0; i < controls->nr; i++)
		if (in_state(&controls->entries[i], CONTROL_SWITCHING) &&
		    !sites_lead(recover, &controls->entries[i]))
			return false;
	return true;
}

/*
 * An interrupted apply: all of it is finished, or all is undone. @ret_undone:
 * beside it stands what it was to replace, and that has to come back.
 */
static bool decide_switching(struct recover *recover, bool *after,
			     bool *ret_undone)
{
	const struct controls *controls = &recover->target.controls;
	bool complete = switching_is_complete(recover), any = false;

	for (size_t i = 0; i < controls->nr; i++) {
		const struct control *control = &controls->entries[i];

		if (!in_state(control, CONTROL_SWITCHING))
			continue;
		any = true;
		after[i] = complete;
		*ret_undone |= !complete;
		report_note(recover->report, "%s the interrupted apply of %s",
			    after[i] ? "finished" : "undid",
			    control->block.name);
	}
	return any;
}

/* Whether no store of an interrupted revert was made. */
static bool reverting_is_untouched(const struct recover *recover)
{
	const struct controls *controls = &recover->target.controls;

	for (size_t i = 0; i < controls->nr; i++) {
		const struct control *control = &controls->entries[i];

		if (in_state(control, CONTROL_REVERTING) &&
		    !sites_lead(recover, control))
			return false;
	}
	return true;
}

/* Interrupted reverts: all are undone or all are finished. */
static bool decide_reverting(struct recover *recover, bool undo, bool *after)
{
	const struct controls *controls = &recover->target.controls;
	bool any = false;

	for (size_t i = 0; i < controls->nr; i++) {
		const struct control *control = &controls->entries[i];

		if (!in_state(control, CONTROL_REVERTING))
			continue;
		any = true;
		after[i] = undo;
		report_note(recover->report, "%s the interrupted revert of %s",
			    undo ? "undid" : "finished", control->block.name);
	}
	return any;
}

/*
 * Decides what shall be active.
 * Return: whether there is anything half done.
 */
static bool recover_decide(struct recover *recover, bool *after)
{
	const struct controls *controls = &recover->target.controls;
	bool undone = false, switching, reverting;

	for (size_t i = 0; i < controls->nr; i++)
		after[i] = in_state(&controls->entries[i], CONTROL_ACTIVE);
	switching = decide_switching(recover, after, &undone);
	if (!switching)
		undone = reverting_is_untouched(recover);
	reverting = decide_reverting(recover, undone, after);
	return switching || reverting;
}

/*
 * Nothing but the word in the block has changed: it is put back, and what the
 * block records stays. No function has to be free for that.
 */
static int untouched_reverts_undo(struct recover *recover, const bool *after,
				  struct hf_diag *diag)
{
	struct controls *controls = &recover->target.controls;
	int r = 0;

	for (size_t i = 0; r == 0 && i < controls->nr; i++)
		if (after[i] &&
		    in_state(&controls->entries[i], CONTROL_REVERTING) &&
		    sites_lead(recover, &controls->entries[i]))
			r = control_set_state(recover->target.process,
					      &controls->entries[i],
					      CONTROL_ACTIVE, diag);
	return r;
}

static bool is_half_done(const struct recover *recover)
{
	const struct controls *controls = &recover->target.controls;

	for (size_t i = 0; i < controls->nr; i++)
		if (in_state(&controls->entries[i], CONTROL_SWITCHING) ||
		    in_state(&controls->entries[i], CONTROL_REVERTING))
			return true;
	return false;
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
	recover->acted = true;
	r = untouched_reverts_undo(recover, after, diag);
	if (r < 0 || !is_half_done(recover))
		return r;
	r = change_run(&recover->target, after, recover->options, &result, diag);
	report_switch(recover->report, &result);
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

		if (control->damaged)
			r = control_explain_damage(control, diag);
		else if (in_state(control, CONTROL_STAGED) ||
			 in_state(control, CONTROL_RETIRED))
			recover_image(recover, control);
	}
	return r;
}

static int recover_opened(struct recover *recover, struct hf_diag *diag)
{
	int r, s;

	r = recover_drain(recover, diag);
	if (r == 0)
		r = recover_descriptors(recover, diag);
	if (r < 0)
		return r;
	r = recover_switch(recover, diag);
	if (r == 0)
		r = recover_images(recover, diag);
	/* What could not be done stands in the control blocks: not the stub's
	 * reason to stay. */
	s = recover_stub(recover, r < 0 ? NULL : diag);
	if (r == 0)
		r = s;
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
