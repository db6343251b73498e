/*
 * The joint stop. See tracee.h.
 *
 *   sleepers ... threads on a processor    newcomers    all held
 *   [batch][batch]   ...        [batch]   [one by one]
 *
 * Order decides how long the process feels it: threads that sleep anyway are
 * stopped first, those on a processor last, and those are released first. So a
 * thread that works stands still for a part of the whole time only.
 *
 * A thread is interrupted, may meet other stops on its way, each of which is
 * answered, and ends up at its event stop. What always holds: a thread that is
 * held here has known registers and a mended system call (restart.h); when not
 * all can be held, all run again.
 *
 * Newcomers are seized by the kernel, and stop at birth. They are held last:
 * once every old thread stands, only newcomers can make more.
 */
#include "tracee_internal.h"

#include <errno.h>
#include <string.h>

#include "frozen.h"
#include "restart.h"

/* Threads that are asked to stop before the first of them is waited for. */
#define HOLD_BATCH 8

/* --- one thread ---------------------------------------------------------- */

int thread_stuck(const struct tracee *tracee, const struct thread *thread,
		 struct hf_diag *diag)
{
	long number = thread_syscall(tracee->process, thread->tid);
	const char *name = syscall_name(number);
	struct process_stat stat = { .command = "?", .state = '?' };
	char path[32];

	snprintf(path, sizeof(path), "%d/stat", (int)thread->tid);
	(void)process_stat_read(tracee->process->task, path, &stat);
	hf_error(diag, -ETIMEDOUT, "thread-stuck",
		 "thread %d (%s) of process %d would not stop: it is %s"
		 " (state %c)%s%s",
		 (int)thread->tid, stat.command, (int)tracee->process->pid,
		 stat.state == 'D' ? "in an uninterruptible sleep" :
				     "kept from running",
		 stat.state, name ? " in system call " : "", name ? name : "");
	frozen_explain(tracee->process, diag);
	hf_hint(diag, "nothing was changed; see what it waits for in "
		      "/proc/%d/task/%d/stack and try again",
		(int)tracee->process->pid, (int)thread->tid);
	return -ETIMEDOUT;
}

/*
 * Takes an interrupted thread from whatever stop it met first to the event
 * stop. Any stop swallows an interrupt that was asked for before it, so it is
 * asked for again.
 */
static void thread_pass_on(struct tracee *tracee, struct thread *thread,
			   enum stop stop)
{
	switch (stop) {
	case STOP_NONE:
	case STOP_EVENT:
	case STOP_GONE:
		return;
	case STOP_EXEC:
		tracee_replaced(tracee, thread);
		return;
	case STOP_CLONE:
		newcomer_from_clone(tracee, thread);
		break;
	case STOP_SYSCALL:
	case STOP_SIGNAL:
		break;
	}
	thread_interrupt(thread);
	thread_continue(thread);
}

/*
 * A main thread that has ended never stops: it is given up. Unless it was the
 * last one; then it can be reaped.
 */
static bool leader_collect(struct tracee *tracee, struct thread *thread)
{
	enum stop stop;

	if (!thread_is_dead_leader(tracee, thread->tid))
		return false;
	stop = thread_poll(thread);
	if (stop == STOP_EXEC)
		tracee_replaced(tracee, thread);
	else if (stop == STOP_NONE)
		thread_gone(thread);
	return true;
}

int thread_await(struct tracee *tracee, struct thread *thread,
		 struct patience *patience)
{
	int r = 0;

	patience_renew(patience);
	while (thread->state == THREAD_RUNNING) {
		enum stop stop = thread_poll(thread);

		if (stop != STOP_NONE) {
			thread_pass_on(tracee, thread, stop);
			continue;
		}
		if (patience_sleeps(patience)) {
			serve_all(tracee);
			if (patience_is_tried(patience))
				collect_ended(tracee);
			if (leader_collect(tracee, thread))
				break;
		}
		if (!patience_pause(patience)) {
			r = -ETIMEDOUT;
			break;
		}
	}
	thread->awaited = false;
	return r;
}

void thread_look(struct tracee *tracee, struct thread *thread,
		 struct patience *patience)
{
	if (thread->state != THREAD_HELD)
		return;
	if (!thread_get_regs(thread, NULL) && 
	    !thread_mend(tracee->process, thread, NULL))
		return;
	thread->state = THREAD_RUNNING;
	(void)thread_await(tracee, thread, patience);
}

/* One try at one thread; the next one may be more willing. */
bool hold_try(struct tracee *tracee, struct thread *thread,
	      unsigned int timeout_ms)
{
	struct patience patience = patience_ms(timeout_ms);

	thread_interrupt(thread);
	(void)thread_await(tracee, thread, &patience);
	thread_look(tracee, thread, &patience);
	patience_end(&patience);
	return thread->state == THREAD_HELD;
}

/* --- all of them --------------------------------------------------------- */

#define RANK_NEVER 4

/* How soon a thread is stopped: those on a processor come last. */
static uint8_t hold_rank(char state)
{
	switch (state) {
	case 'S':
	case 'I':
		return 0;
	case 't':
	case 'T':
		return 1;
	case 'R':
		return 2;
	default:
		return 3;
	}
}

/* How soon each thread is to be stopped. Return: how many threads are. */
static size_t hold_ranks(const struct tracee *tracee, bool dormant,
			 uint8_t *ret_ranks)
{
	size_t nr = 0;

	for (size_t i = 0; i < tracee->nr_threads; i++) {
		bool wanted = thread_runs(&tracee->threads[i], dormant);

		ret_ranks[i] = wanted ? 0 : RANK_NEVER;
		nr += wanted;
	}
	/* One alone has no order, and to ask for its state takes a while. */
	for (size_t i = 0; nr > 1 && i < tracee->nr_threads; i++)
		if (ret_ranks[i] != RANK_NEVER)
			ret_ranks[i] = hold_rank(thread_state_char(
				tracee->process, tracee->threads[i].tid));
	return nr;
}

struct turn {
	size_t index;
	uint8_t rank;
};

/*
 * The threads that run, sleepers first, with the dormant ones or without. Owned
 * by the caller.
 */
static int hold_order(const struct tracee *tracee, bool dormant,
		      struct turn **ret_order, size_t *ret_nr)
{
	size_t nr_threads = tracee->nr_threads, nr = 0;
	owned(free_p) uint8_t *ranks = calloc(nr_threads + 1, 1);
	owned(free_p) struct turn *order =
		calloc(nr_threads + 1, sizeof(*order));

	if (!ranks || !order)
		return -ENOMEM;
	*ret_nr = hold_ranks(tracee, dormant, ranks);
	for (uint8_t rank = 0; rank < RANK_NEVER; rank++)
		for (size_t i = 0; i < nr_threads; i++)
			if (ranks[i] == rank)
				order[nr++] = (struct turn){ i, rank };
	*ret_order = take_ptr(order);
	return 0;
}

/* Threads that were born while their siblings were being stopped. */
static int hold_newcomers(struct tracee *tracee, struct patience *patience,
			  struct hf_diag *diag)
{
	/* More may come while we wait: the count is read anew. */
	for (size_t i = 0; i < tracee->nr_newcomers; i++) {
		struct thread thread = tracee->newcomers[i];
		int r;

		if (thread.state != THREAD_RUNNING)
			continue;
		thread_interrupt(&thread);
		tracee->newcomers[i].awaited = true;
		r = thread_await(tracee, &thread, patience);
		if (!thread_is_ours(tracee, thread.tid) &&
		    thread.state == THREAD_HELD)
			thread_detach(&thread);
		/* Waiting may have moved the array. */
		tracee->newcomers[i] = thread;
		if (r)
			return thread_stuck(tracee, &thread, diag);
	}
	return 0;
}

/*
 * In batches: each thread is looked at soon after it has stopped, because until
 * it is mended our death would mean an EINTR for it. Of one rank: who works is
 * not to stand still while others are woken up.
 */
static size_t batch_size(const struct turn *order, size_t nr)
{
	size_t size = 0;

	while (size < nr && size < HOLD_BATCH && order[size].rank == order->rank)
		size++;
	return size;
}

static int hold_batch(struct tracee *tracee, const struct turn *order, size_t nr,
		      struct patience *patience, struct hf_diag *diag)
{
	for (size_t i = 0; i < nr; i++)
		thread_interrupt(&tracee->threads[order[i].index]);
	for (size_t i = 0; i < nr; i++) {
		struct thread *thread = &tracee->threads[order[i].index];

		if (thread_await(tracee, thread, patience))
			return thread_stuck(tracee, thread, diag);
		thread_look(tracee, thread, patience);
	}
	return 0;
}

static int hold_in_order(struct tracee *tracee, const struct turn *order,
			 size_t nr, unsigned int timeout_ms,
			 struct hf_diag *diag)
{
	struct patience patience = patience_ms(timeout_ms);
	size_t size;
	int r = 0;

	for (size_t i = 0; !r && i < nr; i += size) {
		size = batch_size(order + i, nr - i);
		r = hold_batch(tracee, order + i, size, &patience, diag);
	}
	if (!r)
		r = hold_newcomers(tracee, &patience, diag);
	if (!r && newcomers_join(tracee))
		r = hf_fail(diag, -ENOMEM, "cannot stop process %d",
			    (int)tracee->process->pid);
	for (size_t i = 0; !r && i < tracee->nr_threads; i++)
		if (!tracee->threads[i].regs_known)
			thread_look(tracee, &tracee->threads[i], &patience);
	patience_end(&patience);
	return r;
}

static int hold(struct tracee *tracee, bool dormant, unsigned int timeout_ms,
		struct hf_diag *diag)
{
	owned(free_p) struct turn *order = NULL;
	size_t nr;
	int r = newcomers_join(tracee);

	if (!r)
		r = hold_order(tracee, dormant, &order, &nr);
	if (r)
		return hf_fail(diag, r, "cannot stop process %d",
			       (int)tracee->process->pid);
	r = hold_in_order(tracee, order, nr, timeout_ms, diag);
	if (!r && (tracee->replaced || !tracee_lives(tracee)))
		r = tracee_ended(tracee, diag);
	if (r)
		tracee_release_all(tracee);
	return r;
}

int tracee_hold_all(struct tracee *tracee, unsigned int timeout_ms,
		    struct hf_diag *diag)
{
	return hold(tracee, true, timeout_ms, diag);
}

/* All of a process are killed alike, so one is asked. */
static bool thread_is_killed(const struct tracee *tracee,
			     const struct thread *thread)
{
	struct thread_status status;
	int r = thread_status_read(tracee->process, thread->tid, &status, NULL);

	if (r)
		return procfs_gone(r);
	return strchr("ZX", status.state) ||
	       (status.pending & 1ull << (SIGKILL - 1));
}

static bool leader_has_execed(struct tracee *tracee)
{
	struct thread *leader = tracee_find(tracee, tracee->process->pid);

	if (!leader || !leader->dormant || !thread_has_execed(leader))
		return false;
	(void)thread_poll(leader);
	tracee_replaced(tracee, leader);
	return true;
}

/*
 * Those that are dormant are not seen to be killed, as one that was to be held
 * is, nor to be replaced: by an execve one takes the main thread's number. Where
 * somebody is held, neither has happened.
 */
static bool dormant_are_gone(struct tracee *tracee)
{
	struct thread *dormant = NULL;

	for (size_t i = 0; i < tracee->nr_threads; i++) {
		if (tracee->threads[i].state == THREAD_HELD)
			return false;
		if (tracee->threads[i].dormant)
			dormant = &tracee->threads[i];
	}
	return dormant && (leader_has_execed(tracee) ||
			   thread_is_killed(tracee, dormant));
}

int tracee_hold_awake(struct tracee *tracee, unsigned int timeout_ms,
		      struct hf_diag *diag)
{
	int r;

	/* Until the release nobody answers for them, and so none of them runs. */
	for (size_t i = 0; i < tracee->nr_threads; i++)
		tracee->threads[i].awaited |= tracee->threads[i].dormant;
	r = hold(tracee, false, timeout_ms, diag);
	if (r || !dormant_are_gone(tracee))
		return r;
	tracee_release_all(tracee);
	return tracee_ended(tracee, diag);
}

/* --- any one ------------------------------------------------------------- */

int tracee_hold_one(struct tracee *tracee, unsigned int timeout_ms,
		    struct thread **ret_thread, struct hf_diag *diag)
{
	const unsigned int first_ms = timeout_ms < 20 ? timeout_ms : 20;
	owned(free_p) struct turn *order = NULL;
	struct thread *last = NULL;
	size_t nr;

	if (hold_order(tracee, true, &order, &nr))
		return hf_fail(diag, -ENOMEM, "cannot stop a thread");
	for (size_t i = 0; i < nr; i++) {
		struct thread *thread = &tracee->threads[order[i].index];

		/* With patience only for the last one that is left. */
		if (hold_try(tracee, thread,
			     i + 1 < nr ? first_ms : timeout_ms)) {
			*ret_thread = thread;
			return 0;
		}
		if (thread->state == THREAD_RUNNING)
			last = thread;
	}
	return last ? thread_stuck(tracee, last, diag) :
		      tracee_ended(tracee, diag);
}

void tracee_ask(struct thread *thread)
{
	if (thread->state == THREAD_RUNNING && !thread->awaited)
		thread_interrupt(thread);
}

bool tracee_collect(struct tracee *tracee, struct thread *thread)
{
	struct patience patience = patience_ms(0);
	enum stop stop;

	while (thread->state == THREAD_RUNNING &&
	       (stop = thread_poll(thread)) != STOP_NONE)
		thread_pass_on(tracee, thread, stop);
	if (thread->state != THREAD_HELD)
		return false;
	thread->awaited = false;
	thread_look(tracee, thread, &patience);
	return thread->state == THREAD_HELD;
}

/* --- release ------------------------------------------------------------- */

bool thread_was_running(const struct thread *thread)
{
	return thread->state == THREAD_HELD && thread->regs_known &&
	       regs_syscall(&thread->regs) < 0;
}

void tracee_release(struct tracee *tracee, struct thread *thread)
{
	(void)tracee;
	if (thread->state == THREAD_HELD)
		thread_let_go(thread);
}

void tracee_release_all(struct tracee *tracee)
{
	for (size_t i = 0; i < tracee->nr_threads; i++)
		if (thread_was_running(&tracee->threads[i]) &&
		    !tracee->threads[i].kept)
			tracee_release(tracee, &tracee->threads[i]);
	for (size_t i = 0; i < tracee->nr_threads; i++) {
		tracee->threads[i].awaited = false;
		if (!tracee->threads[i].kept)
			tracee_release(tracee, &tracee->threads[i]);
	}
	for (size_t i = 0; i < tracee->nr_newcomers; i++) {
		tracee->newcomers[i].awaited = false;
		tracee_release(tracee, &tracee->newcomers[i]);
	}
}
