/*
 * Threads that are traced and not wanted: kept running. See tracee.h.
 *
 * A traced thread stops at each signal, at each clone, and at an interrupt that
 * came too late, and stands there until somebody answers. So whoever waits for
 * one thread looks after the others meanwhile. Threads marked as awaited are
 * left alone: their next stop belongs to the one who waits.
 */
#include "tracee_internal.h"

#include <errno.h>
#include <sys/wait.h>

#include "restart.h"

/* A stop that nobody waits for: do what the thread would do untraced. */
static void thread_answer(struct tracee *tracee, struct thread *thread,
			  enum stop stop)
{
	switch (stop) {
	case STOP_NONE:
	case STOP_GONE:
		return;
	case STOP_EXEC:
		tracee_replaced(tracee, thread);
		return;
	case STOP_CLONE:
		newcomer_from_clone(tracee, thread);
		break;
	case STOP_EVENT:
	case STOP_SIGNAL:
		/*
		 * A stop that came too late for whoever asked for it; or a
		 * signal that would not even have woken the thread, were it not
		 * traced: the kernel shows a tracer the ignored ones too.
		 */
		if (!thread_get_regs(thread, NULL))
			(void)thread_mend(tracee->process, thread, NULL);
		break;
	case STOP_SYSCALL:
		/*
		 * The end of a dormant thread's call. One that an interrupt of
		 * ours has ended, which came too late for whoever asked for it,
		 * is mended at the event stop; this one has swallowed that.
		 */
		if (!thread_get_regs(thread, NULL) &&
		    (int64_t)thread->regs.rax == -EINTR) {
			thread_interrupt(thread);
			thread->awaited = false;
			thread_continue(thread);
			return;
		}
		break;
	}
	thread_let_go(thread);
}

/*
 * A child of clone(2) need not be a thread: one with an exit signal other than
 * SIGCHLD is a process of its own, traced without our asking.
 */
static void newcomer_answer(struct tracee *tracee, struct thread *thread,
			    enum stop stop)
{
	if (thread->state == THREAD_HELD &&
	    !thread_is_ours(tracee, thread->tid)) {
		thread_detach(thread);
		return;
	}
	thread_answer(tracee, thread, stop);
}

void serve_all(struct tracee *tracee)
{
	for (size_t i = 0; i < tracee->nr_threads; i++) {
		struct thread *thread = &tracee->threads[i];

		if (thread->state == THREAD_RUNNING && !thread->awaited)
			thread_answer(tracee, thread, thread_poll(thread));
	}
	for (size_t i = 0; i < tracee->nr_newcomers; i++) {
		/* A copy: a newcomer's own clone may move the array. */
		struct thread thread = tracee->newcomers[i];

		if (thread.state != THREAD_RUNNING || thread.awaited)
			continue;
		newcomer_answer(tracee, &thread, thread_poll(&thread));
		tracee->newcomers[i] = thread;
	}
}

/* A thread that has stopped or ended, and has not been waited for; 0: none. */
static pid_t stopped_one(void)
{
	siginfo_t info = { 0 };

	if (waitid(P_ALL, 0, &info,
		   WSTOPPED | WEXITED | WNOHANG | WNOWAIT | __WALL))
		return 0;
	return info.si_pid;
}

void serve_stopped(struct tracee *tracee)
{
	pid_t tid;

	while ((tid = stopped_one())) {
		struct thread *thread = tracee_find(tracee, tid);
		enum stop stop = STOP_NONE;

		if (thread && thread->state == THREAD_RUNNING &&
		    !thread->awaited)
			stop = thread_poll(thread);
		/* A newcomer, or none of ours: it would be told for ever. */
		if (stop == STOP_NONE) {
			serve_all(tracee);
			return;
		}
		thread_answer(tracee, thread, stop);
	}
}

/*
 * An execve of one thread kills the others, and waits until whoever traces them
 * has seen that: dormant ones that nobody answers for the time being, too.
 */
void collect_ended(struct tracee *tracee)
{
	for (size_t i = 0; i < tracee->nr_threads; i++) {
		struct thread *thread = &tracee->threads[i];

		if (thread->dormant && thread_has_ended(thread))
			(void)thread_poll(thread);
	}
}

void tracee_serve(struct tracee *tracee, unsigned int duration_us)
{
	struct patience patience = patience_sleeping_us(duration_us);

	do
		serve_all(tracee);
	while (patience_pause(&patience));
	patience_end(&patience);
}
