/*
 * One held thread, run on purpose: to its next system call, or from there to
 * the event stop. See tracee.h.
 *
 * The thread comes back at a border of a system call, before a signal, or
 * because somebody stopped it; which one is told, not judged. Whatever happens,
 * it is held again afterwards, or its state says that it is not.
 */
#include "tracee_internal.h"

#include <errno.h>

#include "frozen.h"

/* After a time-out: to stop the thread where it is. */
#define STOP_TIMEOUT_MS 1000

static enum thread_event event_of(enum stop stop, const struct thread *thread)
{
	switch (stop) {
	case STOP_SYSCALL:
		return thread->in_syscall ? THREAD_EVENT_SYSCALL_ENTRY :
					    THREAD_EVENT_SYSCALL_EXIT;
	case STOP_SIGNAL:
		return THREAD_EVENT_SIGNAL;
	case STOP_EVENT:
		return THREAD_EVENT_STOPPED;
	default:
		return THREAD_EVENT_GONE;
	}
}

/* Return: 0; -ETIMEDOUT with the thread running. */
static int syscall_await(struct tracee *tracee, struct thread *thread,
			 struct patience *patience, enum stop *ret_stop)
{
	for (;;) {
		enum stop stop = thread_poll(thread);

		if (stop == STOP_CLONE) {
			newcomer_from_clone(tracee, thread);
			thread_continue_to_syscall(thread);
			continue;
		}
		if (stop == STOP_EXEC)
			tracee_replaced(tracee, thread);
		if (stop != STOP_NONE) {
			*ret_stop = stop;
			return 0;
		}
		if (patience_sleeps(patience))
			serve_all(tracee);
		if (!patience_pause(patience))
			return -ETIMEDOUT;
	}
}

int thread_run_to_syscall(struct tracee *tracee, struct thread *thread,
			  unsigned int timeout_ms,
			  enum thread_event *ret_event, struct hf_diag *diag)
{
	struct patience patience = patience_ms(timeout_ms);
	enum stop stop;
	int r;

	thread->awaited = true;
	thread_continue_to_syscall(thread);
	r = syscall_await(tracee, thread, &patience, &stop);
	patience_end(&patience);
	thread->awaited = false;
	if (r) {
		(void)hold_try(tracee, thread, STOP_TIMEOUT_MS);
		hf_error(diag, r, "call-timeout",
			 "thread %d did not finish within %u ms",
			 (int)thread->tid, timeout_ms);
		frozen_explain(tracee->process, diag);
		return r;
	}
	if (thread->state == THREAD_HELD && !thread_get_regs(thread, diag))
		*ret_event = event_of(stop, thread);
	else
		*ret_event = THREAD_EVENT_GONE;
	return 0;
}

int thread_settle(struct tracee *tracee, struct thread *thread,
		  unsigned int timeout_ms, struct hf_diag *diag)
{
	struct patience patience = patience_ms(timeout_ms);
	int r;

	thread_interrupt(thread);
	thread_continue(thread);
	r = thread_await(tracee, thread, &patience);
	patience_end(&patience);
	if (r)
		return thread_stuck(tracee, thread, diag);
	if (thread->state == THREAD_GONE)
		return thread_failed(thread, -ESRCH, diag);
	return thread_get_regs(thread, diag);
}
