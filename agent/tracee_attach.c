/*
 * How tracing begins and ends. See tracee.h.
 *
 * To seize stops nobody, so the process goes on making threads meanwhile. Those
 * of a seized thread are traced from birth; the others show in /proc/PID/task,
 * which is read again and again until a whole pass met only known ones. A thread
 * that cannot be seized for the moment is met again in the next pass.
 *
 * To be detached a thread must be held, each for as short as can be: what was
 * held already goes first, the others follow in small groups. One that does not
 * answer (an uninterruptible sleep) stays traced until we end, and runs on.
 */
#include "tracee_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"

/* Patience with threads that do not answer when tracing ends. */
#define FREE_FIRST_MS 10
#define FREE_LAST_MS 200
#define STRANGER_MS 200
/* Threads that stand still at the same time when tracing ends. */
#define DETACH_BATCH 8

/* --- the begin ----------------------------------------------------------- */

static int process_traced(const struct process *process, pid_t tracer,
			  struct hf_diag *diag)
{
	struct process_stat stat = { .command = "?" };
	char path[32];

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)tracer);
	(void)process_stat_read(AT_FDCWD, path, &stat);
	hf_refuse(diag, "traced",
		  "process %d (%s) is already traced by process %d (%s)",
		  (int)process->pid, process->command, (int)tracer,
		  stat.command);
	hf_hint(diag, "let %s detach from it and try again", stat.command);
	return -ECANCELED;
}

/* A number that was given to somebody else meanwhile. */
static void stranger_release(pid_t tid)
{
	struct thread thread = { .tid = tid, .state = THREAD_RUNNING };
	struct patience patience = patience_ms(STRANGER_MS);

	thread_interrupt(&thread);
	while (thread.state == THREAD_RUNNING &&
	       thread_poll(&thread) == STOP_NONE && patience_pause(&patience))
		;
	patience_end(&patience);
	thread_detach(&thread);
}

/* The kernel refused to seize: a thread's end, a tracer, or no permission. */
static int seize_refused(struct tracee *tracee, pid_t tid, struct hf_diag *diag)
{
	const struct process *process = tracee->process;
	struct thread_status status;

	if (thread_status_read(process, tid, &status, NULL))
		return 0;
	/* Traced from birth; maybe it has ended already and is to be reaped. */
	if (status.tracer == gettid())
		return newcomer_add(tracee, tid, THREAD_RUNNING);
	if (strchr("ZX", status.state))
		return newcomer_add(tracee, tid, THREAD_GONE);
	if (status.tracer)
		return process_traced(process, status.tracer, diag);
	return process_denied(process, diag);
}

/*
 * An execve waits for those that we trace already, which may be this one: an
 * earlier end of tracing has met it as it was killed.
 */
static int seize_late(struct tracee *tracee, pid_t tid)
{
	struct thread_status status;
	int r = 0;

	if (!thread_status_read(tracee->process, tid, &status, NULL) &&
	    status.tracer == gettid())
		r = newcomer_add(tracee, tid, THREAD_RUNNING);
	serve_all(tracee);
	return r;
}

/* Return: 0, also when there is no such thread any more; -errno. */
static int seize_one(struct tracee *tracee, pid_t tid, struct hf_diag *diag)
{
	const struct process *process = tracee->process;
	int r = thread_seize(tid);

	if (r == -ESRCH)
		return 0;
	if (r && r != -EAGAIN && r != -EPERM && r != -EACCES)
		return hf_fail(diag, r,
			       "cannot trace thread %d of process %d (%s)",
			       (int)tid, (int)process->pid, process->command);
	if (r == -EAGAIN)
		r = seize_late(tracee, tid);
	else if (r)
		r = seize_refused(tracee, tid, diag);
	else if (thread_is_ours(tracee, tid))
		r = newcomer_add(tracee, tid, THREAD_RUNNING);
	else
		stranger_release(tid);
	return r == -ENOMEM ? hf_fail(diag, r, "cannot trace process %d",
				      (int)process->pid) :
			      r;
}

/* One pass over /proc/PID/task. */
static int seize_pass(struct tracee *tracee, bool *ret_met_unknown,
		      struct hf_diag *diag)
{
	owned(free_p) pid_t *tids = NULL;
	bool met_unknown = false;
	size_t nr;
	int r = threads_read(tracee->process, &tids, &nr, diag);

	for (size_t i = 0; !r && i < nr; i++) {
		if (thread_is_known(tracee, tids[i]))
			continue;
		met_unknown = true;
		r = seize_one(tracee, tids[i], diag);
	}
	if (r)
		return r;
	serve_all(tracee);
	*ret_met_unknown = met_unknown;
	r = newcomers_join(tracee);
	return r ? hf_fail(diag, r, "cannot trace process %d",
			   (int)tracee->process->pid) :
		   0;
}

static int seize_too_slow(const struct process *process,
			  unsigned int timeout_ms, struct hf_diag *diag)
{
	hf_error(diag, -ETIMEDOUT, "threads-racing",
		 "process %d (%s) makes threads faster than they can be "
		 "caught: still new ones after %u ms",
		 (int)process->pid, process->command, timeout_ms);
	hf_hint(diag, "try again at a quieter moment");
	return -ETIMEDOUT;
}

static int seize_all(struct tracee *tracee, unsigned int timeout_ms,
		     struct hf_diag *diag)
{
	uint64_t deadline = monotonic_ns() + timeout_ms * NS_PER_MS;
	bool met_unknown;

	do {
		int r = seize_pass(tracee, &met_unknown, diag);

		if (r)
			return r;
		if (met_unknown && monotonic_ns() > deadline)
			return seize_too_slow(tracee->process, timeout_ms,
					      diag);
	} while (met_unknown && !tracee->replaced);
	return tracee_lives(tracee) && !tracee->replaced ?
		       0 :
		       tracee_ended(tracee, diag);
}

int tracee_seize(const struct process *process, unsigned int timeout_ms,
		 struct tracee **ret_tracee, struct hf_diag *diag)
{
	owned(tracee_free_p) struct tracee *tracee = NULL;
	int r;

	tracee = calloc(1, sizeof(*tracee));
	if (!tracee)
		return hf_fail(diag, -ENOMEM, "cannot trace process %d",
			       (int)process->pid);
	tracee->process = process;
	r = seize_all(tracee, timeout_ms, diag);
	if (r)
		return r;
	*ret_tracee = take_ptr(tracee);
	return 0;
}

int tracee_seize_thread(const struct process *process, pid_t tid,
			struct tracee **ret_tracee)
{
	owned(tracee_free_p) struct tracee *tracee = calloc(1, sizeof(*tracee));
	int r;

	if (!tracee)
		return -ENOMEM;
	tracee->process = process;
	r = seize_one(tracee, tid, NULL);
	if (!r)
		r = newcomers_join(tracee);
	if (!r && !tracee_lives(tracee))
		r = -ESRCH;
	if (!r)
		*ret_tracee = take_ptr(tracee);
	return r;
}

/* --- the end ------------------------------------------------------------- */

/* Of what it was held with, its registers are still of interest. */
static void thread_leave(struct thread *thread)
{
	if (thread->state != THREAD_HELD)
		return;
	thread_detach(thread);
	if (thread->state == THREAD_GONE)
		thread->state = THREAD_LEFT;
}

void tracee_detach_held(struct tracee *tracee)
{
	for (size_t i = 0; i < tracee->nr_threads; i++)
		if (thread_was_running(&tracee->threads[i]))
			thread_leave(&tracee->threads[i]);
	for (size_t i = 0; i < tracee->nr_threads; i++) {
		thread_leave(&tracee->threads[i]);
		tracee->threads[i].awaited = false;
	}
}

/* Those of @threads that run, with the dormant ones or without. */
static void detach_running(struct tracee *tracee, struct thread *threads,
			   size_t nr, bool dormant, unsigned int timeout_ms)
{
	struct patience patience = patience_ms(timeout_ms);

	for (size_t i = 0; i < nr; i++)
		if (thread_runs(&threads[i], dormant))
			thread_interrupt(&threads[i]);
	for (size_t i = 0; i < nr; i++) {
		if (!thread_runs(&threads[i], dormant))
			continue;
		(void)thread_await(tracee, &threads[i], &patience);
		thread_look(tracee, &threads[i], &patience);
		thread_leave(&threads[i]);
	}
	patience_end(&patience);
}

/* One that was awake stops at once, and is not to wait for those that must wake. */
static void detach_all(struct tracee *tracee, unsigned int timeout_ms)
{
	for (size_t i = 0; i < tracee->nr_threads; i += DETACH_BATCH) {
		struct thread *batch = tracee->threads + i;
		size_t nr = tracee->nr_threads - i;

		if (nr > DETACH_BATCH)
			nr = DETACH_BATCH;
		detach_running(tracee, batch, nr, false, timeout_ms);
		detach_running(tracee, batch, nr, true, timeout_ms);
		serve_stopped(tracee);
	}
}

/* A thread may stop because it has just made another one, traced like it. */
static void detach_generations(struct tracee *tracee, unsigned int timeout_ms)
{
	do {
		if (newcomers_join(tracee))
			return;
		detach_all(tracee, timeout_ms);
	} while (tracee->nr_newcomers);
}

static bool some_run(const struct tracee *tracee)
{
	for (size_t i = 0; i < tracee->nr_threads; i++)
		if (tracee->threads[i].state == THREAD_RUNNING)
			return true;
	return tracee->nr_newcomers;
}

void tracee_free(struct tracee *tracee)
{
	tracee_detach_held(tracee);
	for (unsigned int ms = FREE_FIRST_MS;
	     ms <= FREE_LAST_MS && some_run(tracee); ms *= 4)
		detach_generations(tracee, ms);
	free(tracee->newcomers);
	free(tracee->threads);
	free(tracee);
}
