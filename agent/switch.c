/*
 * The switch. What a thread feels of it is drawn with '#': it stands still.
 *
 *   us               0        30         60        ...    5,000      5,040
 *
 *   asleep    a      --#~~~~~~~~~~~~~~~~~~~~~~~~~~~ ... ~~~~~~~~~~~~~~~~~~#---
 *   asleep    b      -----------#~~~~~~~~~~~~~~~~~~ ... ~~~~~~~~~~~~~~~~~~~~#-
 *   asleep    c      ---------------------#~~~~ call over #============ ... ===
 *   on a processor   ============================== ... =====####==============
 *                                                            |||
 *                    | visit: one after another   |     stop, | release
 *                                                        look, store
 *
 *   -  asleep, untraced or to be looked at   =  runs
 *   ~  dormant: asleep, and cannot leave the kernel without a stop
 *
 *   visit    Each sleeping thread is stopped alone, its stack is looked at, and
 *            it goes back to sleep in its call: tracee.h. So nearly all of a
 *            large process are known to be outside, with nobody stopped. One
 *            whose call is over is let run at once and belongs to the others.
 *   stop     Those that are awake, few as a rule: together. From here on a
 *            dormant thread whose call is over stays at its end.
 *   look     At those; the others have not run an instruction since theirs.
 *   store    One pwrite for each site, between the records "begun" and "done".
 *            The process's own copies of those pages were made before.
 *   release  Those on a processor first. In vain: again after a gap; those that
 *            are dormant by then are not stopped again.
 *
 * Should we be killed, the kernel lets all of them go on from where they are. In
 * all orders of steps of threads, kernel and agent, our death at any of them
 * included: nobody runs a half-written entry, nobody is inside the old code when
 * the new can be called, nobody is left standing. tests/model/switch.c tries
 * them all.
 *
 * To stop nobody at all was looked at. A jump whose displacement is the bytes
 * that stand there already could be put in by one store of one byte; but its
 * target is free in four of five functions of a PIE, and in less than half of a
 * fixed program's (measured: libc, bash, python), and the others would need all
 * of this as well.
 */
#include "switch.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "gather.h"
#include "look.h"
#include "stores.h"
#include "urgency.h"

/* Who was borrowed, or waits for the processor that we are on, is asleep again
 * after that. */
#define SETTLE_US 100

/* Limits for what should take microseconds, so that nothing can hang. */
#define SEIZE_TIMEOUT_MS 5000
/* A thread that will not stop (vfork, a dead disk) must not keep the others
 * standing: they run again, and there is another try. */
#define HOLD_TIMEOUT_MS 100
#define HOLD_TIMEOUT_PER_THREAD_MS 1 /* each must get the processor once */

/*
 * Between two looks, doubling from the first to the longest. In the first
 * milliseconds they come closer, with everything traced: a look is felt less than
 * to gather, and of many one finds a function free that seldom is.
 */
#define FIRST_GAP_NS (100 * NS_PER_US)
#define LONGEST_GAP_NS (50 * NS_PER_MS)
#define LONGEST_TRACED_GAP_NS (2 * NS_PER_MS)

/* So long after the first look, which with many threads takes longer, ordinary
 * ones are given a chance, and then between two times of gathering as many times
 * as long as it took. */
#define CLOSE_LOOKS_NS (20 * NS_PER_MS)
#define GATHER_SHARE 10

struct attempt {
	const struct switch_request *request;
	struct switch_result *result;
	struct stores stores;
	struct range *ranges; /* of the transition, as the look wants them */
	struct tracee *tracee; /* NULL: nothing is traced */
	struct urgency urgency; /* while something is */
	struct look look; /* made anew with each tracing */
	uint64_t stopped_at_ns;
	uint64_t close_until_ns; /* looks follow each other closely */
	uint64_t gather_from_ns; /* not before */
	uint64_t gap_ns; /* until the next try, if this one is in vain */
	struct gates gates; /* of the image, when threads are to be gathered */
	struct busy *busy; /* who was in the way */
	bool leaving_free; /* in the last look: no thread refers to `leaving` */
	struct tracee stood; /* where the threads stood at the switch; a copy */
};

static bool pause_exceeded(const struct attempt *attempt)
{
	uint64_t limit = attempt->request->options->max_pause_ns;

	return limit && monotonic_ns() - attempt->stopped_at_ns > limit;
}

/* Return: how long the stop has lasted until now. */
static uint64_t stop_note(const struct attempt *attempt)
{
	uint64_t stop_ns = monotonic_ns() - attempt->stopped_at_ns;

	if (stop_ns > attempt->result->longest_stop_ns)
		attempt->result->longest_stop_ns = stop_ns;
	return stop_ns;
}

/* One stop is over, and another begins. */
static void stop_again(struct attempt *attempt)
{
	stop_note(attempt);
	attempt->stopped_at_ns = monotonic_ns();
}

static bool sleeps_inside(const struct thread *thread)
{
	return thread->dormant && thread->verdict == LOOK_INSIDE;
}

/* Notes where it is, when it is inside. Return: LOOK_*; -errno. */
static int thread_see(struct attempt *attempt, const struct thread *thread,
		      struct hf_diag *diag)
{
	int verdict = look_at(&attempt->look, thread, diag);

	if (verdict == LOOK_INSIDE)
		busy_see(attempt->busy, thread, &attempt->look.hit);
	return verdict;
}

/* Those that sleep inside: known without stopping anybody. */
static int attempt_check_dormant(struct attempt *attempt, struct hf_diag *diag)
{
	const struct tracee *tracee = attempt->tracee;
	bool some = false;
	int r = 0;

	for (size_t i = 0; !some && i < tracee->nr_threads; i++)
		some = sleeps_inside(&tracee->threads[i]);
	if (!some)
		return 0;
	busy_look(attempt->busy, monotonic_ns());
	for (size_t i = 0; r >= 0 && i < tracee->nr_threads; i++)
		if (sleeps_inside(&tracee->threads[i]))
			r = thread_see(attempt, &tracee->threads[i], diag);
	return r < 0 ? r : -EBUSY;
}

/*
 * A dormant one is looked at again only for where it is: of a thousand that sleep
 * even a look at the clock for each would be felt.
 */
static int attempt_see(struct attempt *attempt, const struct thread *thread,
		       struct hf_diag *diag)
{
	if (thread->dormant && !sleeps_inside(thread))
		return thread->verdict;
	if (pause_exceeded(attempt))
		return -ETIME;
	return thread_see(attempt, thread, diag);
}

static int attempt_scan_memory(struct attempt *attempt, struct hf_diag *diag)
{
	struct stack_hit hit;
	int r;

	if (!attempt->request->options->scan_all ||
	    !attempt->look.inside.nr_ranges)
		return 0;
	r = stack_scan_memory(&attempt->look.inside, attempt->tracee, &hit,
			      diag);
	if (r > 0)
		busy_see(attempt->busy, NULL, &hit);
	return r < 0 ? r : 0;
}

/* Looks at every thread. Return: 0 free; -EBUSY; -ETIME the pause is used up. */
static int attempt_check(struct attempt *attempt, struct hf_diag *diag)
{
	int r;

	busy_look(attempt->busy, attempt->stopped_at_ns);
	attempt->leaving_free = true;
	for (size_t i = 0; i < attempt->tracee->nr_threads; i++) {
		const struct thread *thread = &attempt->tracee->threads[i];
		int verdict;

		if (thread->state == THREAD_GONE)
			continue;
		verdict = attempt_see(attempt, thread, diag);
		if (verdict < 0)
			return verdict;
		attempt->leaving_free &= !verdict;
	}
	r = attempt_scan_memory(attempt, diag);
	if (r < 0)
		return r;
	return busy_nr(attempt->busy) ? -EBUSY : 0;
}

/*
 * Where all threads stood when they were looked at: what is worked out of it
 * takes milliseconds, and nobody is to wait for that.
 */
static void note_threads(struct attempt *attempt)
{
	const struct tracee *tracee = attempt->tracee;
	size_t size = tracee->nr_threads * sizeof(*tracee->threads);

	if (!attempt->request->nr_leaving)
		return;
	attempt->stood.threads = malloc(size);
	if (!attempt->stood.threads)
		return;
	memcpy(attempt->stood.threads, tracee->threads, size);
	attempt->stood.nr_threads = tracee->nr_threads;
}

/*
 * Which memory the threads' stacks are, by where they stood: the dead part of a
 * stack may hold old references for ever. Return: whether that is known.
 */
static bool note_stacks(struct attempt *attempt)
{
	struct target *target = attempt->request->target;

	if (!attempt->request->nr_leaving)
		return true;
	free(target->stacks);
	target->stacks = NULL;
	target->nr_stacks = 0;
	return attempt->stood.threads &&
	       !stack_own_parts(&target->mappings, &attempt->stood,
				&target->stacks, &target->nr_stacks, NULL);
}

static int tell(const struct attempt *attempt, enum switch_step step,
		struct hf_diag *diag)
{
	const struct switch_request *request = attempt->request;

	return request->tell ? request->tell(request->context, step, diag) : 0;
}

/* What takes longer than the stores, and can be done before the stop. */
static void attempt_near(const struct attempt *attempt)
{
	stores_prepare(&attempt->stores);
	tell(attempt, SWITCH_NEARS, NULL);
}

/*
 * The stores between their records. Nothing runs meanwhile, so that a process
 * that is forked inherits the state before or the state after.
 */
static int attempt_switch(const struct attempt *attempt, struct hf_diag *diag)
{
	int r = tell(attempt, SWITCH_BEGINS, diag);

	if (r == 0)
		r = stores_write(&attempt->stores, diag);
	if (r == 0) {
		r = tell(attempt, SWITCH_DONE, diag);
		if (r < 0)
			stores_undo(&attempt->stores);
	}
	if (r < 0)
		tell(attempt, SWITCH_UNDONE, NULL);
	return r;
}

/* With every thread held. */
static int attempt_held(struct attempt *attempt, struct hf_diag *diag)
{
	int r;

	r = attempt_check(attempt, diag);
	if (r == 0)
		r = stores_still_same(&attempt->stores, diag);
	if (r < 0)
		return r;
	if (pause_exceeded(attempt))
		return -ETIME;
	return attempt_switch(attempt, diag);
}

/* The end of the time that a stop may take; UINT64_MAX: no end. */
static uint64_t stop_deadline_ns(const struct attempt *attempt)
{
	uint64_t limit_ns = attempt->request->options->max_pause_ns;

	return limit_ns ? attempt->stopped_at_ns + limit_ns : UINT64_MAX;
}

/* For a joint stop that must be over by then, in whole milliseconds. */
static unsigned int hold_timeout_ms(const struct attempt *attempt,
				    uint64_t deadline_ns)
{
	unsigned int longest_ms =
		HOLD_TIMEOUT_MS + HOLD_TIMEOUT_PER_THREAD_MS *
				  (unsigned int)attempt->tracee->nr_threads;
	uint64_t now_ns = monotonic_ns(), left_ms = 1;

	if (deadline_ns > now_ns)
		left_ms += (deadline_ns - now_ns) / NS_PER_MS;
	return left_ms < longest_ms ? (unsigned int)left_ms : longest_ms;
}

/* --- busy functions -------------------------------------------------------- */

/* Every thread that is inside. Return: 0; -EBUSY one cannot be caught; -errno. */
static int gather_catch_all(const struct attempt *attempt,
			    struct gather *gather, struct hf_diag *diag)
{
	for (size_t i = 0; i < attempt->tracee->nr_threads; i++) {
		const struct thread *thread = &attempt->tracee->threads[i];
		struct stack_hit hit;
		int r;

		if (thread->state == THREAD_GONE ||
		    (thread->dormant && !sleeps_inside(thread)))
			continue;
		r = stack_check(&gather->query, thread, &hit, diag);
		if (r > 0)
			r = gather_catch(gather, thread) ? -EBUSY : 0;
		if (r < 0)
			return r;
	}
	return 0;
}

/*
 * Catches who is inside, waits for them to come out, stops the others and looks
 * again. Return: as attempt_held(); -EAGAIN others have gone in meanwhile;
 * -EBUSY somebody cannot be caught, or stays inside.
 */
static int gather_round(struct attempt *attempt, struct gather *gather,
			uint64_t deadline_ns, struct hf_diag *diag)
{
	int r = gather_catch_all(attempt, gather, diag);

	if (r < 0)
		return r;
	if (gather_wait(gather, deadline_ns))
		return -EBUSY;
	r = tracee_hold_awake(attempt->tracee,
			      hold_timeout_ms(attempt, deadline_ns), diag);
	if (r < 0)
		return r == -ETIMEDOUT ? -EBUSY : r;
	r = attempt_held(attempt, diag);
	return r == -EBUSY ? -EAGAIN : r;
}

/*
 * With every thread held and some inside: those that come out are kept until
 * all are. The stop so far ends with it, and a new one begins. Return: as
 * attempt_run(), with every thread held in success.
 */
static int attempt_gather(struct attempt *attempt, struct hf_diag *diag)
{
	uint64_t began_ns, deadline_ns;
	struct gather gather = {
		.tracee = attempt->tracee,
		.query = attempt->look.inside,
		.gates = attempt->gates,
	};
	int r;

	stop_again(attempt);
	began_ns = attempt->stopped_at_ns;
	deadline_ns = stop_deadline_ns(attempt);
	if (deadline_ns == UINT64_MAX)
		deadline_ns = began_ns + SWITCH_GATHER_NS;
	do {
		r = gather_round(attempt, &gather, deadline_ns, diag);
	} while (r == -EAGAIN && monotonic_ns() < deadline_ns);
	if (r == 0) {
		gather_succeed(&gather);
	} else {
		stop_again(attempt);
		gather_give_up(&gather, hold_timeout_ms(attempt, UINT64_MAX));
	}
	attempt->gather_from_ns =
		monotonic_ns() + GATHER_SHARE * (monotonic_ns() - began_ns);
	return r == -EAGAIN ? -EBUSY : r;
}

/* A coroutine that does not run returns to nobody, and a shadow stack knows every
 * return address. */
static bool can_be_gathered(const struct attempt *attempt)
{
	const struct switch_request *request = attempt->request;
	const struct process *process = request->target->process;
	struct thread_status status;

	return request->gates && !request->options->scan_all &&
	       !thread_status_read(process, process->pid, &status, NULL) &&
	       !status.shadow_stack;
}

static void first_look_is_over(struct attempt *attempt)
{
	attempt->close_until_ns = monotonic_ns() + CLOSE_LOOKS_NS;
	if (can_be_gathered(attempt))
		attempt->gather_from_ns = attempt->close_until_ns;
}

/*
 * Whether those inside are to be gathered if there are some. What that needs is
 * made ready while nobody stands still.
 */
static bool attempt_may_gather(struct attempt *attempt)
{
	const struct switch_request *request = attempt->request;

	if (monotonic_ns() < attempt->gather_from_ns ||
	    gates_read(request->target->process, request->gates,
		       &attempt->gates))
		return false;
	gates_prepare(&attempt->gates);
	busy_warm(attempt->busy, attempt->look.inside.unwinder);
	return true;
}

/* --- one try ----------------------------------------------------------------- */

/*
 * Stops those that are awake, and looks and writes. Return: as attempt_run(),
 * with the awake ones held but for -ETIMEDOUT.
 */
static int attempt_stop(struct attempt *attempt, struct hf_diag *diag)
{
	int r;

	attempt->stopped_at_ns = monotonic_ns();
	r = tracee_hold_awake(
		attempt->tracee,
		hold_timeout_ms(attempt, stop_deadline_ns(attempt)), diag);
	if (r == 0)
		return attempt_held(attempt, diag);
	return r == -ETIMEDOUT && pause_exceeded(attempt) ? -ETIME : r;
}

static bool stays_traced(const struct attempt *attempt)
{
	return attempt->gap_ns <= LONGEST_TRACED_GAP_NS;
}

static int attempt_awake(struct attempt *attempt, bool gathers,
			 struct hf_diag *diag)
{
	uint64_t stop_ns;
	int r;

	r = attempt_stop(attempt, diag);
	if (r == -EBUSY && gathers)
		r = attempt_gather(attempt, diag);
	/* For good, when tracing ends: to be stopped again would be a pause. */
	if (r == -EBUSY && stays_traced(attempt))
		tracee_release_all(attempt->tracee);
	else
		tracee_detach_held(attempt->tracee);
	stop_ns = stop_note(attempt);
	if (r)
		return r;
	attempt->result->pause_ns = stop_ns;
	note_threads(attempt);
	return 0;
}

/*
 * Until it ends, threads that want to go on have to wait for us. What is known
 * of the target's memory is as old as the tracing: to read it takes longer than
 * a dormant thread may be kept.
 */
static int attempt_trace(struct attempt *attempt, struct hf_diag *diag)
{
	const struct switch_request *request = attempt->request;
	struct target *target = request->target;
	int r = target_refresh_mappings(target, diag);

	if (r == 0)
		r = look_begin(&attempt->look, target, attempt->ranges,
			       request->transition->nr_ranges, request->leaving,
			       request->nr_leaving,
			       request->options->scan_all, diag);
	if (r == 0)
		r = tracee_seize(target->process, SEIZE_TIMEOUT_MS,
				 &attempt->tracee, diag);
	if (r < 0)
		return r;
	attempt->urgency = urgency_begin();
	tracee_serve(attempt->tracee, SETTLE_US);
	return 0;
}

/* @r: what came of the last try. */
static void attempt_untrace(struct attempt *attempt, int r)
{
	if (attempt->tracee) {
		tracee_free(attempt->tracee);
		urgency_end(&attempt->urgency);
	}
	attempt->tracee = NULL;
	if (r == 0)
		attempt->result->leaving_free =
			attempt->leaving_free && note_stacks(attempt);
	free(attempt->stood.threads);
	attempt->stood.threads = NULL;
	look_end(&attempt->look);
}

/*
 * Looks, and writes when all are outside. Nothing is held afterwards; sleepers
 * are dormant, and known, for the next try.
 *
 * Return: 0; -EBUSY, -ETIME, -ETIMEDOUT: worth another try; other: final.
 */
static int attempt_run(struct attempt *attempt, struct hf_diag *diag)
{
	struct switch_result *result = attempt->result;
	bool gathers;
	int r = 0;

	if (!attempt->tracee)
		r = attempt_trace(attempt, diag);
	if (r == 0)
		r = tracee_visit_sleepers(attempt->tracee, look_at,
					  &attempt->look, diag);
	if (r < 0)
		return r;
	r = attempt_check_dormant(attempt, diag);
	if (!result->attempts)
		attempt_near(attempt);
	gathers = attempt_may_gather(attempt);
	if (r == 0 || (r == -EBUSY && gathers))
		r = attempt_awake(attempt, gathers, diag);
	result->attempts++;
	result->nr_threads = attempt->tracee->nr_threads;
	return r;
}

/* Everything runs: traced, when it is not for long. */
static void attempt_pause(struct attempt *attempt)
{
	if (!stays_traced(attempt))
		attempt_untrace(attempt, -EBUSY);
	if (attempt->tracee)
		tracee_serve(attempt->tracee,
			     (unsigned int)(attempt->gap_ns / NS_PER_US));
	else
		sleep_ns(attempt->gap_ns);
}

static uint64_t next_gap_ns(const struct attempt *attempt)
{
	bool close = monotonic_ns() < attempt->close_until_ns;
	uint64_t longest_ns = close ? LONGEST_TRACED_GAP_NS : LONGEST_GAP_NS;

	return 2 * attempt->gap_ns < longest_ns ? 2 * attempt->gap_ns :
						  longest_ns;
}

static int switch_pause_fail(const struct attempt *attempt,
			     struct hf_diag *diag)
{
	const struct switch_result *result = attempt->result;

	hf_error(diag, -ETIMEDOUT, "pause-exceeded",
		 "the %zu threads cannot be switched within a stop of %" PRIu64
		 " us (longest of %u tries: %" PRIu64 " us)",
		 result->nr_threads,
		 attempt->request->options->max_pause_ns / NS_PER_US,
		 result->attempts, result->longest_stop_ns / NS_PER_US);
	hf_hint(diag, "allow more with --max-pause, or try when the machine is "
		      "less busy");
	return -ETIMEDOUT;
}

static void busy_hint(const struct busy_list *busy, struct hf_diag *diag)
{
	size_t nr_hidden = 0;

	for (size_t i = 0; i < busy->nr; i++)
		nr_hidden += busy->threads[i].hidden;
	if (nr_hidden)
		hf_hint(diag, "end the return probe: a bpftrace or perf that "
			      "runs, or /sys/kernel/tracing/uprobe_events");
	hf_hint(diag, "wait longer with --wait, or at a quieter moment");
	if (nr_hidden == busy->nr)
		return;
	hf_hint(diag, "use --mode entry if calls made from now on may take the "
		      "new code while these finish in the old");
	hf_hint(diag, "a function that never returns cannot be switched: "
		      "replace one that it calls");
}

static int switch_busy_fail(struct attempt *attempt, struct hf_diag *diag)
{
	struct switch_result *result = attempt->result;
	struct target *target = attempt->request->target;
	owned(unwinder_free_p) struct unwinder *unwinder = NULL;
	int r = look_unwinder(target, &unwinder, diag);

	if (r < 0)
		return r;
	result->busy = busy_describe(attempt->busy, target, unwinder);
	if (!result->busy)
		return hf_fail(diag, -ENOMEM, "cannot say who is busy");
	hf_error(diag, -ETIMEDOUT, "busy-function",
		 "after %" PRIu64 " ms and %u looks some thread was still "
		 "inside what is to be switched",
		 result->wait_ns / NS_PER_MS, result->attempts);
	busy_explain(result->busy, diag);
	busy_hint(result->busy, diag);
	return -ETIMEDOUT;
}

/* The wait is over: @r says why the last try was in vain. */
static int attempts_fail(struct attempt *attempt, int r, struct hf_diag *diag)
{
	if (r == -EBUSY)
		return switch_busy_fail(attempt, diag);
	if (r == -ETIME)
		return switch_pause_fail(attempt, diag);
	return r; /* of tracee_hold_all(), with its own words */
}

static int attempts_run(struct attempt *attempt, struct hf_diag *diag)
{
	const struct switch_request *request = attempt->request;
	struct switch_result *result = attempt->result;
	uint64_t wait_ns = request->options->wait_ms * NS_PER_MS;
	uint64_t began_ns = monotonic_ns();
	int r;

	attempt->gather_from_ns = UINT64_MAX;
	attempt->gap_ns = FIRST_GAP_NS;
	for (;;) {
		r = attempt_run(attempt, diag);
		if (result->attempts == 1)
			first_look_is_over(attempt);
		if (r != -EBUSY)
			attempt_untrace(attempt, r);
		result->wait_ns = monotonic_ns() - began_ns;
		if (r != -EBUSY && r != -ETIME && r != -ETIMEDOUT)
			return r;
		if (result->wait_ns + attempt->gap_ns > wait_ns ||
		    (request->options->give_up && request->options->give_up())) {
			attempt_untrace(attempt, r);
			return attempts_fail(attempt, r, diag);
		}
		attempt_pause(attempt);
		attempt->gap_ns = next_gap_ns(attempt);
	}
}

int switch_run(const struct switch_request *request,
	       struct switch_result *ret_result, struct hf_diag *diag)
{
	const struct transition *transition = request->transition;
	struct attempt attempt = { .request = request, .result = ret_result };
	owned(free_p) void *ranges =
		calloc(transition->nr_ranges + 1, sizeof(*attempt.ranges));
	int r;

	memset(ret_result, 0, sizeof(*ret_result));
	if (!ranges)
		return hf_fail(diag, -ENOMEM, "cannot switch");
	attempt.ranges = ranges;
	for (size_t i = 0; i < transition->nr_ranges; i++)
		attempt.ranges[i] = transition->ranges[i].range;
	r = busy_new(request->target->process, &attempt.busy, diag);
	if (r == 0)
		r = stores_observe(&attempt.stores, request->target, transition,
				   diag);
	if (r == 0)
		r = attempts_run(&attempt, diag);
	stores_release(&attempt.stores);
	busy_free(attempt.busy);
	return r;
}
