/*
 * Which threads a traced process has. See tracee.h.
 *
 *   threads     sorted by number; what a caller sees, and may point to
 *   newcomers   born since, in order of birth; they run, or wait for an answer
 *
 * Newcomers join the threads, which moves them, only where tracee.h says that
 * pointers to threads end: when tracing begins or ends, and when all are held.
 * What is gone stays in its place, marked so; its number may come back for a
 * new thread.
 *
 * Numbers are not to be trusted: the kernel gives them again. Whoever asks
 * whether a thread is the process's own asks the directory /proc/PID/task that
 * is open since before, and that lists no successor.
 */
#include "tracee_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

/* --- the known ones ------------------------------------------------------ */

static int thread_compare(const void *a, const void *b)
{
	const struct thread *left = a, *right = b;

	return (left->tid > right->tid) - (left->tid < right->tid);
}

struct thread *tracee_find(struct tracee *tracee, pid_t tid)
{
	struct thread key = { .tid = tid };

	if (!tracee->nr_threads)
		return NULL;
	return bsearch(&key, tracee->threads, tracee->nr_threads,
		       sizeof(*tracee->threads), thread_compare);
}

static struct thread *newcomer_find(struct tracee *tracee, pid_t tid)
{
	for (size_t i = 0; i < tracee->nr_newcomers; i++)
		if (tracee->newcomers[i].tid == tid)
			return &tracee->newcomers[i];
	return NULL;
}

bool tracee_lives(const struct tracee *tracee)
{
	for (size_t i = 0; i < tracee->nr_threads; i++)
		if (tracee->threads[i].state != THREAD_GONE)
			return true;
	return false;
}

/* --- newcomers ----------------------------------------------------------- */

int newcomer_add(struct tracee *tracee, pid_t tid, enum thread_state state)
{
	struct thread *more, *known = tracee_find(tracee, tid);

	if (!known)
		known = newcomer_find(tracee, tid);
	if (known) {
		if (known->state == THREAD_GONE || known->state == THREAD_LEFT)
			*known = (struct thread){ .tid = tid, .state = state };
		return 0;
	}
	more = reallocarray(tracee->newcomers, tracee->nr_newcomers + 1,
			    sizeof(*more));
	if (!more)
		return -ENOMEM;
	tracee->newcomers = more;
	more[tracee->nr_newcomers++] =
		(struct thread){ .tid = tid, .state = state };
	return 0;
}

void newcomer_from_clone(struct tracee *tracee, const struct thread *parent)
{
	pid_t tid;

	/*
	 * Without memory for it the child stays at its first stop until we
	 * end; nothing better can be done for it here.
	 */
	if (!thread_get_child(parent, &tid))
		(void)newcomer_add(tracee, tid, THREAD_RUNNING);
}

int newcomers_join(struct tracee *tracee)
{
	struct thread *more;
	size_t nr = tracee->nr_threads + tracee->nr_newcomers;

	if (!tracee->nr_newcomers)
		return 0;
	more = reallocarray(tracee->threads, nr, sizeof(*more));
	if (!more)
		return -ENOMEM;
	memcpy(more + tracee->nr_threads, tracee->newcomers,
	       tracee->nr_newcomers * sizeof(*more));
	tracee->threads = more;
	tracee->nr_threads = nr;
	tracee->nr_newcomers = 0;
	qsort(more, nr, sizeof(*more), thread_compare);
	return 0;
}

/* --- what the directory says --------------------------------------------- */

/* The directory is bound to the process: it lists no successor of a PID. */
bool thread_is_ours(const struct tracee *tracee, pid_t tid)
{
	char name[16];

	snprintf(name, sizeof(name), "%d", (int)tid);
	return !faccessat(tracee->process->task, name, F_OK, 0);
}

bool thread_is_dead_leader(const struct tracee *tracee, pid_t tid)
{
	return tid == tracee->process->pid &&
	       strchr("ZX", thread_state_char(tracee->process, tid));
}

bool thread_is_known(struct tracee *tracee, pid_t tid)
{
	const struct thread *thread = tracee_find(tracee, tid);

	if (!thread)
		thread = newcomer_find(tracee, tid);
	if (!thread)
		return false;
	return thread->state != THREAD_GONE ||
	       thread_is_dead_leader(tracee, tid);
}

/* --- the end of a process ------------------------------------------------ */

void tracee_replaced(struct tracee *tracee, struct thread *thread)
{
	tracee->replaced = true;
	thread_detach(thread);
}

int tracee_ended(const struct tracee *tracee, struct hf_diag *diag)
{
	const struct process *process = tracee->process;

	if (tracee->replaced)
		return hf_error(diag, -ESRCH, "process-replaced",
				"process %d (%s) has meanwhile started another "
				"program (exec)",
				(int)process->pid, process->command);
	return hf_error(diag, -ESRCH, "process-gone",
			"process %d (%s) has ended", (int)process->pid,
			process->command);
}
