/*
 * Sleeping threads, looked at one by one and left asleep. See tracee.h.
 *
 *   thread      asleep | held |  asleep, dormant                   | runs
 *                      ^      ^                                    ^
 *                 interrupt   to the entry of its call,      the call is over:
 *                 and look    and into it again              stops, is let run
 *
 * A thread that was stopped in a system call makes it again. Told to stop at
 * the call's borders, it stops at its entry, is sent on, and sleeps as before;
 * and it cannot leave the kernel without a stop that we would see.
 *
 * Each is held for as long as one look takes. Those whose calls are over
 * meanwhile are let run at once, and are tried again in the next pass, when
 * they sleep again: each pass has fewer threads, and takes less time.
 */
#include "tracee_internal.h"

#include <errno.h>

#include "restart.h"

/* Threads looked at before those are served whose calls are over. */
#define VISIT_BATCH 8
#define VISIT_PASSES_MAX 6
/* So few threads are quickly stopped together. */
#define AWAKE_FEW 2
/* A sleeper stops and makes its call again within microseconds. */
#define VISIT_TIMEOUT_MS 20

/* --- one thread ---------------------------------------------------------- */

/* Whether the held thread will make its system call again, and sleep there. */
static bool thread_sleeps_again(const struct thread *thread)
{
	return thread->at_event_stop && !thread->group_stopped &&
	       regs_syscall(&thread->regs) >= 0 &&
	       value_is_restart((int64_t)thread->regs.rax);
}

/* From its stop into its call again; if it goes elsewhere, it runs. */
static void thread_leave_asleep(struct tracee *tracee, struct thread *thread)
{
	const struct user_regs_struct regs = thread->regs;
	enum thread_event event = THREAD_EVENT_GONE;

	if (!thread_sleeps_again(thread)) {
		tracee_release(tracee, thread);
		return;
	}
	if (thread_run_to_syscall(tracee, thread, VISIT_TIMEOUT_MS, &event,
				  NULL) ||
	    event != THREAD_EVENT_SYSCALL_ENTRY) {
		tracee_release(tracee, thread);
		return;
	}
	thread_continue_to_syscall(thread);
	thread->regs = regs;
	thread->dormant = true;
}

/* Return: 0; -ETIMEDOUT: it does not stop; -errno of @visit. */
static int thread_visit_one(struct tracee *tracee, struct thread *thread,
			    thread_visit visit, void *context,
			    struct hf_diag *diag)
{
	int r;

	if (!hold_try(tracee, thread, VISIT_TIMEOUT_MS)) {
		thread->awaited = false;
		return thread->state == THREAD_GONE ? 0 : -ETIMEDOUT;
	}
	r = visit(context, thread, diag);
	if (r < 0) {
		tracee_release(tracee, thread);
		return r;
	}
	thread->verdict = r;
	thread_leave_asleep(tracee, thread);
	return 0;
}

/* --- all of them --------------------------------------------------------- */

static bool is_awake(const struct thread *thread)
{
	return thread->state != THREAD_GONE && !thread->dormant;
}

static size_t count_awake(const struct tracee *tracee)
{
	size_t nr = 0;

	for (size_t i = 0; i < tracee->nr_threads; i++)
		nr += is_awake(&tracee->threads[i]);
	return nr;
}

/* One pass over those that sleep and are not dormant. */
static int visit_pass(struct tracee *tracee, thread_visit visit, void *context,
		      struct hf_diag *diag)
{
	int r = newcomers_join(tracee);
	size_t since_served = 0;

	if (r)
		return hf_fail(diag, r, "cannot look at process %d",
			       (int)tracee->process->pid);
	for (size_t i = 0; !r && i < tracee->nr_threads; i++) {
		struct thread *thread = &tracee->threads[i];

		if (thread->state != THREAD_RUNNING || thread->dormant ||
		    thread_state_char(tracee->process, thread->tid) != 'S')
			continue;
		r = thread_visit_one(tracee, thread, visit, context, diag);
		if (++since_served < VISIT_BATCH)
			continue;
		serve_stopped(tracee);
		since_served = 0;
	}
	serve_stopped(tracee);
	return r;
}

int tracee_visit_sleepers(struct tracee *tracee, thread_visit visit,
			  void *context, struct hf_diag *diag)
{
	size_t nr_awake = SIZE_MAX, nr_before;
	int r = 0;

	for (int pass = 0; !r && pass < VISIT_PASSES_MAX; pass++) {
		nr_before = nr_awake;
		r = visit_pass(tracee, visit, context, diag);
		nr_awake = count_awake(tracee);
		/* Not worth another pass: they wake as fast as we look. */
		if (nr_awake <= AWAKE_FEW || nr_awake > nr_before / 2)
			break;
	}
	/* Whoever has to stop it says so, or finds it more willing. */
	if (r == -ETIMEDOUT)
		r = 0;
	if (!r && (tracee->replaced || !tracee_lives(tracee)))
		r = tracee_ended(tracee, diag);
	return r;
}
