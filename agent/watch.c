#include "watch.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "batch.h"
#include "clock.h"
#include "newcomers.h"
#include "notify.h"
#include "recorder.h"
#include "report.h"
#include "target.h"
#include "watch_fixes.h"
#include "watch_lock.h"

/* A process that starts is looked at again so soon, and given up after that. */
#define START_GAP_NS (2 * NS_PER_MS)
#define START_LIMIT_NS (10 * NS_PER_S)
/* One that is busy: the others wait so long for it at the most. */
#define BUSY_WAIT_MS 1000
#define BUSY_GAP_NS NS_PER_S
#define NR_BUSY_TRIES 20
/* What the kernel has not told (a dlopen, lost messages) is found after that. */
#define LOOK_AROUND_NS (60 * NS_PER_S)
#define WAIT_MS 200

struct candidate {
	pid_t pid;
	uint64_t since_ns, next_ns;
	unsigned int nr_busy;
};

/* Patched by us not long ago. */
struct patched {
	pid_t pid;
	int pidfd;
	char fix[MANIFEST_NAME_MAX + 1];
	char command[PROCESS_NAME_SIZE];
	uint64_t at_ns;
};

/* Another build of a fix's program, said once. */
struct stranger {
	char fix[MANIFEST_NAME_MAX + 1];
	char reason[256];
};

/* Has got a fix. Whoever reverts it there is not to find it again. */
struct had {
	char fix[MANIFEST_NAME_MAX + 1];
	int64_t kept_at_ns;
	pid_t pid;
	uint64_t start_time;
	hf_addr start_stack;
};

struct watch {
	const struct watch_options *options;
	struct newcomers *newcomers;
	bool hears_exits;
	struct watch_fixes fixes;
	struct candidate *candidates;
	size_t nr_candidates;
	struct patched *patched;
	size_t nr_patched;
	struct had *had;
	size_t nr_had;
	struct stranger *strangers;
	size_t nr_strangers;
	uint64_t look_around_ns;
};

/* --- what is said --------------------------------------------------------------- */

/* One event, in words or as one line of JSON, which the caller closes. */
static struct output event_begin(const struct watch *watch, const char *event,
				 const char *fix, pid_t pid,
				 const struct hf_diag *diag)
{
	struct output output;

	output_open(&output, "watch", "results", watch->options->json);
	output_error(&output, fix, diag);
	if (!output.json)
		return output;
	json_put(output.root, "event", json_text(event));
	json_put(output.root, "patch", json_text(fix));
	if (pid)
		json_put(output.root, "pid", json_integer(pid));
	json_put(output.root, "error", json_error(diag));
	return output;
}

static void event_tell(const struct watch *watch, const char *event,
		       const char *fix, pid_t pid, const struct hf_diag *diag)
{
	struct output output = event_begin(watch, event, fix, pid, diag);

	(void)output_close(&output, HF_EXIT_DONE);
}

static void fix_cannot(void *context, const struct standing *standing, int error,
		       const struct hf_diag *diag)
{
	(void)error;
	event_tell(context, "unusable", standing->name, 0, diag);
}

/* --- who was patched -------------------------------------------------------------- */

static void patched_add(struct watch *watch, pid_t pid, const char *fix)
{
	struct patched *grown = reallocarray(
		watch->patched, watch->nr_patched + 1, sizeof(*grown));

	if (!grown)
		return;
	watch->patched = grown;
	grown += watch->nr_patched++;
	*grown = (struct patched){ .pid = pid, .pidfd = pidfd_open(pid, 0),
				   .at_ns = monotonic_ns() };
	snprintf(grown->fix, sizeof(grown->fix), "%s", fix);
	process_name_read(pid, grown->command);
}

static void patched_forget(struct watch *watch, size_t i)
{
	close_p(&watch->patched[i].pidfd);
	watch->patched[i] = watch->patched[--watch->nr_patched];
}

/* Ended on somebody's order, or as it should. */
static bool is_orderly(int status)
{
	if (!WIFSIGNALED(status))
		return WEXITSTATUS(status) == 0;
	switch (WTERMSIG(status)) {
	case SIGTERM:
	case SIGINT:
	case SIGHUP:
	case SIGKILL:
		return true;
	default:
		return false;
	}
}

static void how_format(const struct patched *patched, const int *status,
		       char *text, size_t size)
{
	uint64_t ms = (monotonic_ns() - patched->at_ns) / NS_PER_MS;
	char how[48] = "has ended";

	if (status && WIFSIGNALED(*status))
		snprintf(how, sizeof(how), "was killed by SIG%s",
			 sigabbrev_np(WTERMSIG(*status)));
	else if (status)
		snprintf(how, sizeof(how), "has ended with status %d",
			 WEXITSTATUS(*status));
	snprintf(text, size,
		 "process %d (%s) %s %u.%u s after it was patched",
		 (int)patched->pid, patched->command, how,
		 (unsigned int)(ms / 1000), (unsigned int)(ms % 1000 / 100));
}

static struct watch_fix *fix_find(struct watch *watch, const char *name)
{
	for (size_t i = 0; i < watch->fixes.nr; i++)
		if (!strcmp(watch->fixes.all[i].standing.name, name))
			return &watch->fixes.all[i];
	return NULL;
}

static void fix_lock(struct watch *watch, struct watch_fix *fix, pid_t pid)
{
	struct hf_diag diag = { 0 };
	struct output output;

	hf_error(&diag, -ECANCELED, "locked",
		 "is not applied any more: %u processes died within %u s of it, "
		 "at last: %s",
		 fix->nr_deaths, (unsigned int)(WATCH_DEATH_NS / NS_PER_S),
		 fix->standing.because);
	hf_hint(&diag, "what runs keeps it: hotfix revert %s --all takes it back",
		fix->standing.name);
	hf_hint(&diag, "hotfix keep %s.hotfix.so lets it stand again",
		fix->standing.name);
	output = event_begin(watch, "locked", fix->standing.name, pid, &diag);
	record_standing("watch", &fix->standing, "locked", &output);
	if (standing_write(&fix->standing, &diag))
		output_warning(&output, "%s", diag.message);
	(void)output_close(&output, HF_EXIT_DONE);
}

/* @status: NULL: not known. */
static void patched_died(struct watch *watch, size_t i, const int *status)
{
	const struct patched *patched = &watch->patched[i];
	struct watch_fix *fix = fix_find(watch, patched->fix);
	struct hf_diag diag = { 0 };
	char how[160];

	if (fix && !(status && is_orderly(*status))) {
		how_format(patched, status, how, sizeof(how));
		hf_error(&diag, -ECANCELED, "died", "%s", how);
		event_tell(watch, "died", patched->fix, patched->pid, &diag);
		if (fix->standing.state == STANDING_ACTIVE &&
		    watch_fix_died(fix, how))
			fix_lock(watch, fix, patched->pid);
	}
	patched_forget(watch, i);
}

static void exit_take(struct watch *watch, const struct process_event *event)
{
	for (size_t i = watch->nr_patched; i-- > 0;)
		if (watch->patched[i].pid == event->pid)
			patched_died(watch, i, &event->status);
}

/* Those who have lived long enough; and, untold, those who have not. */
static void patched_look(struct watch *watch)
{
	for (size_t i = watch->nr_patched; i-- > 0;) {
		struct patched *patched = &watch->patched[i];
		struct pollfd pidfd = { .fd = patched->pidfd, .events = POLLIN };

		if (monotonic_ns() - patched->at_ns > WATCH_DEATH_NS)
			patched_forget(watch, i);
		else if (!watch->hears_exits && poll(&pidfd, 1, 0) > 0)
			patched_died(watch, i, NULL);
	}
}

/* --- candidates ----------------------------------------------------------------------- */

static void candidate_add(struct watch *watch, pid_t pid)
{
	struct candidate *grown;

	for (size_t i = 0; i < watch->nr_candidates; i++)
		if (watch->candidates[i].pid == pid) {
			watch->candidates[i].since_ns = monotonic_ns();
			watch->candidates[i].next_ns = 0;
			return;
		}
	grown = reallocarray(watch->candidates, watch->nr_candidates + 1,
			     sizeof(*grown));
	if (!grown)
		return;
	watch->candidates = grown;
	grown[watch->nr_candidates++] =
		(struct candidate){ .pid = pid, .since_ns = monotonic_ns() };
}

/* The child of one who is about to be patched, or was while it forked. */
static void fork_take(struct watch *watch, const struct process_event *event)
{
	for (size_t i = 0; i < watch->nr_candidates; i++)
		if (watch->candidates[i].pid == event->parent) {
			candidate_add(watch, event->pid);
			return;
		}
	for (size_t i = 0; i < watch->nr_patched; i++)
		if (watch->patched[i].pid == event->parent) {
			candidate_add(watch, event->pid);
			return;
		}
}

static void ended_forget(struct watch *watch)
{
	for (size_t i = watch->nr_had; i-- > 0;)
		if (kill(watch->had[i].pid, 0) && errno == ESRCH)
			watch->had[i] = watch->had[--watch->nr_had];
}

/* All that run now. */
static void look_around(struct watch *watch)
{
	watch->look_around_ns = monotonic_ns() + LOOK_AROUND_NS;
	ended_forget(watch);
	for (size_t i = 0; i < watch->fixes.nr; i++) {
		const struct watch_fix *fix = &watch->fixes.all[i];
		struct pids pids = { 0 };
		size_t nr_unreadable;

		if (!watch_fix_works(fix) ||
		    process_find_all(&fix->patch->manifest->target.build_id,
				     &pids.entries, &pids.nr, &nr_unreadable,
				     NULL))
			continue;
		for (size_t k = 0; k < pids.nr; k++)
			candidate_add(watch, pids.entries[k]);
		pids_release(&pids);
	}
}

/* --- applying --------------------------------------------------------------------------- */

struct applying {
	const struct patch_file *patch;
	struct operation_options options;
	bool applied, busy;
};

static int apply_one(const void *context, pid_t pid,
		     struct operation_report **ret_reports, size_t *ret_nr,
		     struct hf_diag *diag)
{
	const struct applying *applying = context;
	struct operation_report *report = batch_report_new(pid, ret_nr);

	if (!report)
		return hf_fail(diag, -ENOMEM, "cannot apply");
	*ret_reports = report;
	return operation_apply(pid, applying->patch, &applying->options, report,
			       diag);
}

static void applied_tell(void *context, const struct operation_report *report,
			 int error)
{
	struct applying *applying = context;

	applying->applied = !error && report->outcome == OUTCOME_APPLIED;
	applying->busy = error == -ETIMEDOUT || error == -EBUSY ||
			 error == -EAGAIN;
}

/* Return: whether it is to be tried again. */
static bool patch_apply(struct watch *watch, const struct patch_file *patch,
			const struct policies *policies, pid_t pid)
{
	struct applying applying = {
		.patch = patch,
		.options = { .mode = SWITCH_QUIESCENT,
			     .wait_ms = BUSY_WAIT_MS,
			     .policies = policies,
			     .give_up = signal_is_waiting },
	};
	const struct batch_step step = {
		.doing = "applying",
		.patch = patch->manifest->name,
		.command = "apply",
		.file = patch,
		.because = "it is a standing fix",
		.told = applied_tell,
		.told_context = &applying,
		.run = apply_one,
		.context = &applying,
	};
	const struct pids pids = { &pid, 1 };
	struct output output;
	enum hf_exit status;

	output_open(&output, "watch", "results", watch->options->json);
	status = batch_run(&output, &pids, &step);
	(void)output_close(&output, status);
	if (applying.applied)
		patched_add(watch, pid, patch->manifest->name);
	return applying.busy;
}

/* The same. What a policy forbids is said, and recorded, for each process. */
static bool fix_apply(struct watch *watch, const struct watch_fix *fix, pid_t pid)
{
	const char *name = fix->standing.name;
	struct policies policies = { 0 };
	struct patch_file *patch;
	struct hf_diag diag = { 0 };
	struct output output;
	bool again;
	int r = watch_fix_load(fix, &policies, &patch, &diag);

	if (r) {
		output = event_begin(watch, "unusable", name, pid, &diag);
		record_failure("apply", name, r, &diag, &output);
		(void)output_close(&output, HF_EXIT_DONE);
		return false;
	}
	again = patch_apply(watch, patch, &policies, pid);
	patch_file_free(patch);
	policies_release(&policies);
	return again;
}

static bool had_it(const struct watch *watch, const struct watch_fix *fix,
		   const struct process *process)
{
	for (size_t i = 0; i < watch->nr_had; i++) {
		const struct had *had = &watch->had[i];

		if (had->pid == process->pid &&
		    had->start_time == process->start_time &&
		    had->start_stack == process->start_stack &&
		    had->kept_at_ns == fix->standing.kept_at_ns &&
		    !strcmp(had->fix, fix->standing.name))
			return true;
	}
	return false;
}

static void had_add(struct watch *watch, const struct watch_fix *fix,
		    const struct process *process)
{
	struct had *grown = reallocarray(watch->had, watch->nr_had + 1,
					 sizeof(*grown));

	if (!grown)
		return;
	watch->had = grown;
	grown += watch->nr_had++;
	*grown = (struct had){ .kept_at_ns = fix->standing.kept_at_ns,
			       .pid = process->pid,
			       .start_time = process->start_time,
			       .start_stack = process->start_stack };
	snprintf(grown->fix, sizeof(grown->fix), "%s", fix->standing.name);
}

static void stranger_tell(struct watch *watch, const struct watch_fix *fix,
			  pid_t pid, const struct hf_diag *reason)
{
	struct stranger *grown;
	struct hf_diag diag = { 0 };

	for (size_t i = 0; i < watch->nr_strangers; i++)
		if (!strcmp(watch->strangers[i].fix, fix->standing.name) &&
		    !strncmp(watch->strangers[i].reason, reason->message,
			     sizeof(watch->strangers[i].reason) - 1))
			return;
	grown = reallocarray(watch->strangers, watch->nr_strangers + 1,
			     sizeof(*grown));
	if (!grown)
		return;
	watch->strangers = grown;
	grown += watch->nr_strangers++;
	snprintf(grown->fix, sizeof(grown->fix), "%s", fix->standing.name);
	snprintf(grown->reason, sizeof(grown->reason), "%.255s",
		 reason->message);
	hf_error(&diag, -ECANCELED, "other-build",
		 "process %d runs another build, to which this fix cannot be "
		 "applied: %s",
		 (int)pid, reason->message);
	hf_hint(&diag, "if that build contains the fix: hotfix unkeep %s",
		fix->standing.name);
	hf_hint(&diag, "if it does not, build the fix for it, and keep that one");
	event_tell(watch, "other-build", fix->standing.name, pid, &diag);
}

static bool target_carries(const struct target *target,
			   const struct watch_fix *fix)
{
	for (size_t i = 0; i < target->controls.nr; i++) {
		const struct control *control = &target->controls.entries[i];

		if (!control->damaged &&
		    control->block.state == CONTROL_ACTIVE &&
		    !memcmp(control->block.digest, fix->standing.digest,
			    SHA256_SIZE))
			return true;
	}
	return false;
}

/* Return: whether @fix is for what @target runs. */
static bool fix_concerns(struct watch *watch, const struct watch_fix *fix,
			 const struct target *target)
{
	const struct manifest_target *wanted = &fix->patch->manifest->target;
	const struct module *module;
	struct hf_diag diag = { 0 };

	if (!modules_match(&target->modules, &wanted->build_id, wanted->name,
			   &module, &diag))
		return !had_it(watch, fix, target->process) &&
		       !target_carries(target, fix);
	if (!strcmp(diag.code, "build-id-mismatch"))
		stranger_tell(watch, fix, target->process->pid, &diag);
	return false;
}

/* Return: when it is to be looked at again; 0: never. */
static uint64_t candidate_look(struct watch *watch, struct candidate *candidate)
{
	owned(target_close_p) struct target target = { 0 };
	uint64_t now_ns = monotonic_ns();
	bool again = false;

	if (!watch->fixes.nr ||
	    target_open(candidate->pid, false, &target, NULL))
		return 0;
	if (!modules_loaded(target.process, &target.modules))
		return now_ns - candidate->since_ns < START_LIMIT_NS ?
			       now_ns + START_GAP_NS : 0;
	for (size_t i = 0; i < watch->fixes.nr; i++) {
		const struct watch_fix *fix = &watch->fixes.all[i];

		if (!watch_fix_works(fix) || !fix_concerns(watch, fix, &target))
			continue;
		if (fix_apply(watch, fix, candidate->pid))
			again = true;
		else
			had_add(watch, fix, target.process);
	}
	return again && ++candidate->nr_busy < NR_BUSY_TRIES ?
		       monotonic_ns() + BUSY_GAP_NS : 0;
}

/* Return: ms until the first of them is to be looked at again, WAIT_MS at the most. */
static unsigned int candidates_look(struct watch *watch)
{
	uint64_t next_ns = monotonic_ns() + WAIT_MS * NS_PER_MS, now_ns;

	for (size_t i = watch->nr_candidates; i-- > 0;) {
		struct candidate candidate = watch->candidates[i];

		if (candidate.next_ns <= monotonic_ns())
			candidate.next_ns = candidate_look(watch, &candidate);
		if (!candidate.next_ns) {
			watch->candidates[i] =
				watch->candidates[--watch->nr_candidates];
			continue;
		}
		watch->candidates[i] = candidate;
		if (candidate.next_ns < next_ns)
			next_ns = candidate.next_ns;
	}
	now_ns = monotonic_ns();
	return next_ns > now_ns ?
		       (unsigned int)((next_ns - now_ns) / NS_PER_MS) + 1 : 0;
}

/* --- the loop ----------------------------------------------------------------------------- */

static void event_take(struct watch *watch, const struct process_event *event)
{
	switch (event->kind) {
	case PROC_EXEC:
		candidate_add(watch, event->pid);
		break;
	case PROC_FORK:
		fork_take(watch, event);
		break;
	case PROC_EXIT:
		exit_take(watch, event);
		break;
	}
}

static void events_take(struct watch *watch, unsigned int timeout_ms)
{
	struct process_event event;
	int r;

	while ((r = newcomers_next(watch->newcomers, timeout_ms, &event)) == 1) {
		event_take(watch, &event);
		timeout_ms = 0;
	}
	if (r == -ENOBUFS)
		look_around(watch);
}

static int fixes_refresh(struct watch *watch, struct hf_diag *diag)
{
	int r = watch_fixes_refresh(&watch->fixes, fix_cannot, watch, diag);

	if (r <= 0)
		return r;
	watch->nr_strangers = 0;
	look_around(watch);
	return 0;
}

static int watch_loop(struct watch *watch, struct hf_diag *diag)
{
	unsigned int timeout_ms = 0;
	int r = 0;

	while (r == 0 && !signal_waiting()) {
		r = fixes_refresh(watch, diag);
		if (monotonic_ns() >= watch->look_around_ns)
			look_around(watch);
		timeout_ms = candidates_look(watch);
		if (watch->options->once && !watch->nr_candidates)
			break;
		patched_look(watch);
		notify_ready();
		events_take(watch, timeout_ms);
	}
	return r;
}

static void watch_release(struct watch *watch)
{
	while (watch->nr_patched)
		patched_forget(watch, 0);
	free(watch->patched);
	free(watch->candidates);
	free(watch->had);
	free(watch->strangers);
	watch_fixes_release(&watch->fixes);
	newcomers_free(watch->newcomers);
}

int watch_run(const struct watch_options *options, struct proc_events *events,
	      struct hf_diag *diag)
{
	owned(close_p) int lock = -1;
	struct watch watch = { .options = options,
			       .newcomers = newcomers_new(events),
			       .hears_exits = events != NULL };
	int r = watch_lock_take(&lock, diag);

	if (r == 0 && !watch.newcomers)
		r = hf_fail(diag, -ENOMEM, "cannot watch");
	if (r == 0)
		r = watch_loop(&watch, diag);
	watch_release(&watch);
	return r;
}
