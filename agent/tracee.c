/*
 * Threads under ptrace. See tracee.h.
 *
 * Every wait names its thread: waitpid(-1) would walk all of them and take
 * events that belong to another tracee of ours. Waiting polls, first spinning
 * (a thread stops within microseconds), then sleeping until SIGCHLD, which the
 * kernel sends us for each stop. It does not yield: on a busy machine that
 * gives away a whole time slice, while a sleeper is woken at once.
 */
#include "tracee.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>

#define OPTIONS                                                                \
	(PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXEC)

/* The kernel's own codes between a system call and its restart. */
#define ERESTARTNOHAND 514

#define SPIN_NS 20000u
#define NAP_MS 10
/* Threads that are asked to stop before the first of them is waited for. */
#define HOLD_BATCH 8
/* Patience with threads that do not answer when tracing ends. */
#define FREE_FIRST_MS 10
#define FREE_LAST_MS 200

/* What waitpid() said of a thread. */
enum stop {
	STOP_NONE,
	STOP_EVENT, /* PTRACE_EVENT_STOP */
	STOP_SYSCALL,
	STOP_SIGNAL,
	STOP_CLONE,
	STOP_EXEC,
	STOP_GONE,
};

static long trace(int request, pid_t tid, uintptr_t address, uintptr_t data)
{
	return ptrace((enum __ptrace_request)request, tid, (void *)address,
		      (void *)data);
}

/* --- waiting ------------------------------------------------------------- */

struct patience {
	uint64_t deadline_ns;
	uint64_t spin_end_ns; /* 0: not begun */
	bool blocked;
	sigset_t mask; /* before we blocked SIGCHLD */
};

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static struct patience patience_until(uint64_t deadline_ns)
{
	return (struct patience){ .deadline_ns = deadline_ns };
}

static struct patience patience_ms(unsigned int timeout_ms)
{
	return patience_until(now_ns() + timeout_ms * 1000000ull);
}

static void child_signal(sigset_t *ret_set)
{
	sigemptyset(ret_set);
	sigaddset(ret_set, SIGCHLD);
}

/*
 * Between two looks; false when the time is up. SIGCHLD is blocked before the
 * look that precedes the first sleep, so no stop is missed; the naps are short
 * in case the signal is not sent (SA_NOCLDSTOP).
 */
static bool patience_pause(struct patience *patience)
{
	struct timespec nap = { 0 };
	uint64_t now = now_ns(), rest;
	sigset_t set;

	if (now >= patience->deadline_ns)
		return false;
	if (!patience->spin_end_ns)
		patience->spin_end_ns = now + SPIN_NS;
	if (now < patience->spin_end_ns)
		return true;
	child_signal(&set);
	if (!patience->blocked) {
		patience->blocked =
			!pthread_sigmask(SIG_BLOCK, &set, &patience->mask);
		return true;
	}
	rest = patience->deadline_ns - now;
	nap.tv_nsec = (long)(rest < NAP_MS * 1000000u ? rest :
							NAP_MS * 1000000u);
	(void)sigtimedwait(&set, NULL, &nap);
	return true;
}

/* Whether what we wait for takes longer than usual. */
static bool patience_sleeps(const struct patience *patience)
{
	return patience->spin_end_ns && now_ns() >= patience->spin_end_ns;
}

static void patience_end(struct patience *patience)
{
	if (patience->blocked)
		pthread_sigmask(SIG_SETMASK, &patience->mask, NULL);
	patience->blocked = false;
}

/* --- one thread's stops -------------------------------------------------- */

static void thread_gone(struct thread *thread)
{
	thread->state = THREAD_GONE;
	thread->regs_known = false;
	thread->awaited = false;
	thread->pending_signal = 0;
}

static enum stop stop_decode(struct thread *thread, int status)
{
	int event = status >> 16, number = WSTOPSIG(status);

	thread->at_event_stop = event == PTRACE_EVENT_STOP;
	switch (event) {
	case PTRACE_EVENT_STOP:
		thread->group_stopped = number != SIGTRAP;
		return STOP_EVENT;
	case PTRACE_EVENT_CLONE:
		return STOP_CLONE;
	case PTRACE_EVENT_EXEC:
		return STOP_EXEC;
	default:
		break;
	}
	if (number == (SIGTRAP | 0x80)) {
		thread->in_syscall = !thread->in_syscall;
		return STOP_SYSCALL;
	}
	thread->pending_signal = number;
	return STOP_SIGNAL;
}

/* Whether a running thread has stopped or ended meanwhile, and how. */
static enum stop thread_poll(struct thread *thread)
{
	int status;
	pid_t tid;

	do
		tid = waitpid(thread->tid, &status, __WALL | WNOHANG);
	while (tid < 0 && errno == EINTR);
	if (!tid)
		return STOP_NONE;
	if (tid < 0 || !WIFSTOPPED(status)) {
		thread_gone(thread);
		return STOP_GONE;
	}
	thread->state = THREAD_HELD;
	thread->regs_known = false;
	return stop_decode(thread, status);
}

/* PTRACE_CONT, PTRACE_SYSCALL or PTRACE_LISTEN; the pending signal goes along. */
static void thread_resume(struct thread *thread, int request)
{
	int number = thread->pending_signal;

	if (request != PTRACE_SYSCALL)
		thread->in_syscall = false;
	thread->pending_signal = 0;
	thread->regs_known = false;
	thread->state = THREAD_RUNNING;
	/* Fails for a thread that was killed; the next wait collects it. */
	(void)trace(request, thread->tid, 0, (uintptr_t)number);
}

/* On its way, or, when job control has stopped it, back to sleep. */
static void thread_let_go(struct thread *thread)
{
	bool listen = thread->at_event_stop && thread->group_stopped;

	thread->awaited = false;
	thread_resume(thread, listen ? PTRACE_LISTEN : PTRACE_CONT);
}

/*
 * The thread will stop or end; which of it, and at which stop first, only
 * waiting tells.
 */
static void thread_interrupt(struct thread *thread)
{
	thread->awaited = true;
	(void)trace(PTRACE_INTERRUPT, thread->tid, 0, 0);
}

/* --- spurious EINTR ------------------------------------------------------ */

/* Calls that answer EINTR to any stop, and that may be made once more. */
static bool syscall_is_repeatable(uint64_t number)
{
	static const uint16_t numbers[] = {
		SYS_read, SYS_readv, SYS_write, SYS_writev,
		/* on sockets with a time-out */
		SYS_recvfrom, SYS_recvmsg, SYS_recvmmsg, SYS_sendto,
		SYS_sendmsg, SYS_sendmmsg, SYS_accept, SYS_accept4, SYS_connect,
		SYS_epoll_wait, SYS_epoll_pwait, SYS_epoll_pwait2,
		SYS_semop, SYS_semtimedop, SYS_rt_sigtimedwait,
		SYS_io_getevents, SYS_io_pgetevents, SYS_io_uring_enter,
	};

	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++)
		if (numbers[i] == number)
			return true;
	return false;
}

/*
 * A thread that job control has stopped is left alone: there the EINTR is what
 * it would see without us, see signal(7).
 */
static int thread_mend(struct thread *thread, struct hf_diag *diag)
{
	struct user_regs_struct regs = thread->regs;

	if ((int64_t)regs.rax != -EINTR || thread->group_stopped ||
	    !syscall_is_repeatable(regs.orig_rax))
		return 0;
	regs.rax = (uint64_t)-ERESTARTNOHAND;
	return thread_set_regs(thread, &regs, diag);
}

/* --- a process's threads ------------------------------------------------- */

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

/*
 * A thread's birth is told twice, by its parent and by the directory, and its
 * number may have been that of one that has ended.
 *
 * Return: 0; -ENOMEM.
 */
static int newcomer_add(struct tracee *tracee, pid_t tid,
			enum thread_state state)
{
	struct thread *more, *known = tracee_find(tracee, tid);

	if (!known)
		known = newcomer_find(tracee, tid);
	if (known) {
		if (known->state == THREAD_GONE)
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

/* The clone stop of a parent names its child, traced from birth. */
static void newcomer_from_clone(struct tracee *tracee,
				const struct thread *parent)
{
	unsigned long tid;

	/*
	 * Without memory for it the child stays at its first stop until we
	 * end; nothing better can be done for it here.
	 */
	if (!trace(PTRACE_GETEVENTMSG, parent->tid, 0, (uintptr_t)&tid))
		(void)newcomer_add(tracee, (pid_t)tid, THREAD_RUNNING);
}

/* Newcomers become threads like the others; pointers to threads end here. */
static int newcomers_join(struct tracee *tracee)
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

/* The directory is bound to the process: it lists no successor of a PID. */
static bool thread_is_ours(const struct tracee *tracee, pid_t tid)
{
	char name[16];

	snprintf(name, sizeof(name), "%d", (int)tid);
	return !faccessat(tracee->process->task, name, F_OK, 0);
}

/* All threads but the one that called exec have ended; that one is let go. */
static void tracee_replaced(struct tracee *tracee, struct thread *thread)
{
	tracee->replaced = true;
	trace(PTRACE_DETACH, thread->tid, 0, 0);
	thread_gone(thread);
}

/* --- serving ------------------------------------------------------------- */

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
			(void)thread_mend(thread, NULL);
		break;
	case STOP_SYSCALL:
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
		trace(PTRACE_DETACH, thread->tid, 0,
		      (uintptr_t)thread->pending_signal);
		thread_gone(thread);
		return;
	}
	thread_answer(tracee, thread, stop);
}

static void serve_all(struct tracee *tracee)
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

void tracee_serve(struct tracee *tracee, unsigned int duration_us)
{
	struct patience patience =
		patience_until(now_ns() + duration_us * 1000ull);

	/* There is time: sleep at once. */
	patience.spin_end_ns = 1;
	do
		serve_all(tracee);
	while (patience_pause(&patience));
	patience_end(&patience);
}

/* --- seizing ------------------------------------------------------------- */

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
	struct patience patience = patience_ms(FREE_LAST_MS);

	thread_interrupt(&thread);
	while (thread.state == THREAD_RUNNING &&
	       thread_poll(&thread) == STOP_NONE && patience_pause(&patience))
		;
	patience_end(&patience);
	if (thread.state == THREAD_HELD)
		trace(PTRACE_DETACH, tid, 0, (uintptr_t)thread.pending_signal);
}

/* The kernel refused to seize: a thread's end, a tracer, or no permission. */
static int seize_refused(struct tracee *tracee, pid_t tid, struct hf_diag *diag)
{
	const struct process *process = tracee->process;
	struct thread_status status;

	if (thread_status_read(process, tid, &status, NULL))
		return 0;
	/* Traced from birth; maybe it has ended already and is to be reaped. */
	if (status.tracer == (pid_t)syscall(SYS_gettid))
		return newcomer_add(tracee, tid, THREAD_RUNNING);
	if (strchr("ZX", status.state))
		return newcomer_add(tracee, tid, THREAD_GONE);
	if (status.tracer)
		return process_traced(process, status.tracer, diag);
	return process_denied(process, diag);
}

static int thread_seize(struct tracee *tracee, pid_t tid, struct hf_diag *diag)
{
	int r;

	if (!trace(PTRACE_SEIZE, tid, 0, OPTIONS)) {
		if (!thread_is_ours(tracee, tid)) {
			stranger_release(tid);
			return 0;
		}
		r = newcomer_add(tracee, tid, THREAD_RUNNING);
	} else if (errno == ESRCH) {
		return 0;
	} else if (errno == EPERM || errno == EACCES) {
		r = seize_refused(tracee, tid, diag);
	} else {
		return hf_fail(diag, -errno, "cannot trace thread %d of "
			       "process %d (%s)",
			       (int)tid, (int)tracee->process->pid,
			       tracee->process->command);
	}
	return r == -ENOMEM ? hf_fail(diag, r, "cannot trace process %d",
				      (int)tracee->process->pid) :
			      r;
}

static char thread_state_char(const struct tracee *tracee, pid_t tid)
{
	struct process_stat stat;
	char path[32];

	snprintf(path, sizeof(path), "%d/stat", (int)tid);
	return process_stat_read(tracee->process->task, path, &stat) ?
		       'X' :
		       stat.state;
}

/*
 * A main thread that has ended before the others stays, and never stops nor can
 * be waited for. Any other thread that has ended is there until we reap it.
 */
static bool thread_is_dead_leader(const struct tracee *tracee, pid_t tid)
{
	return tid == tracee->process->pid &&
	       strchr("ZX", thread_state_char(tracee, tid));
}

static bool thread_is_known(struct tracee *tracee, pid_t tid)
{
	const struct thread *thread = tracee_find(tracee, tid);

	if (!thread)
		thread = newcomer_find(tracee, tid);
	if (!thread)
		return false;
	return thread->state != THREAD_GONE ||
	       thread_is_dead_leader(tracee, tid);
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
		r = thread_seize(tracee, tids[i], diag);
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

/* Why there is nothing left to trace. */
static int process_ended(const struct tracee *tracee, struct hf_diag *diag)
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

static bool tracee_lives(const struct tracee *tracee)
{
	for (size_t i = 0; i < tracee->nr_threads; i++)
		if (tracee->threads[i].state != THREAD_GONE)
			return true;
	return false;
}

static int seize_all(struct tracee *tracee, unsigned int timeout_ms,
		     struct hf_diag *diag)
{
	uint64_t deadline = now_ns() + timeout_ms * 1000000ull;
	bool met_unknown;

	do {
		int r = seize_pass(tracee, &met_unknown, diag);

		if (r)
			return r;
		if (met_unknown && now_ns() > deadline)
			return seize_too_slow(tracee->process, timeout_ms,
					      diag);
	} while (met_unknown && !tracee->replaced);
	return tracee_lives(tracee) && !tracee->replaced ?
		       0 :
		       process_ended(tracee, diag);
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

/* --- holding ------------------------------------------------------------- */

static int thread_stuck(const struct tracee *tracee,
			const struct thread *thread, struct hf_diag *diag)
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
	if (stop == STOP_CLONE)
		newcomer_from_clone(tracee, thread);
	thread_interrupt(thread);
	thread_resume(thread, PTRACE_CONT);
}

/**
 * thread_await() - wait until an interrupted thread is held or gone
 *
 * Return: 0: state says which; -ETIMEDOUT, no words.
 */
static int thread_await(struct tracee *tracee, struct thread *thread,
			struct patience *patience)
{
	int r = 0;

	patience->spin_end_ns = 0;
	while (thread->state == THREAD_RUNNING) {
		enum stop stop = thread_poll(thread);

		if (stop == STOP_EVENT || stop == STOP_GONE)
			break;
		if (stop == STOP_EXEC) {
			tracee_replaced(tracee, thread);
			break;
		}
		if (stop != STOP_NONE) {
			thread_pass_on(tracee, thread, stop);
			continue;
		}
		if (patience_sleeps(patience)) {
			serve_all(tracee);
			if (thread_is_dead_leader(tracee, thread->tid)) {
				/* Unless it was the last one: then reap it. */
				stop = thread_poll(thread);
				if (stop == STOP_EXEC)
					tracee_replaced(tracee, thread);
				else if (stop == STOP_NONE)
					thread_gone(thread);
				break;
			}
		}
		if (!patience_pause(patience)) {
			r = -ETIMEDOUT;
			break;
		}
	}
	thread->awaited = false;
	return r;
}

/* Registers of a thread just held. One that was killed meanwhile is collected. */
static void thread_look(struct tracee *tracee, struct thread *thread,
			struct patience *patience)
{
	if (thread->state != THREAD_HELD)
		return;
	if (!thread_get_regs(thread, NULL) && !thread_mend(thread, NULL))
		return;
	thread->state = THREAD_RUNNING;
	(void)thread_await(tracee, thread, patience);
}

/* How soon a thread is stopped: those on a processor come last. */
static int hold_rank(char state)
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

/* Indexes of the threads that run, sleepers first. Owned by the caller. */
static int hold_order(const struct tracee *tracee, size_t **ret_order,
		      size_t *ret_nr)
{
	size_t nr_threads = tracee->nr_threads, nr = 0;
	owned(free_p) uint8_t *ranks = calloc(nr_threads + 1, 1);
	owned(free_p) size_t *order = calloc(nr_threads + 1, sizeof(*order));

	if (!ranks || !order)
		return -ENOMEM;
	for (size_t i = 0; i < nr_threads; i++)
		ranks[i] = (uint8_t)hold_rank(thread_state_char(
			tracee, tracee->threads[i].tid));
	for (uint8_t rank = 0; rank <= 3; rank++)
		for (size_t i = 0; i < nr_threads; i++)
			if (ranks[i] == rank &&
			    tracee->threads[i].state == THREAD_RUNNING)
				order[nr++] = i;
	*ret_order = take_ptr(order);
	*ret_nr = nr;
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
		    thread.state == THREAD_HELD) {
			trace(PTRACE_DETACH, thread.tid, 0, 0);
			thread_gone(&thread);
		}
		/* Waiting may have moved the array. */
		tracee->newcomers[i] = thread;
		if (r)
			return thread_stuck(tracee, &thread, diag);
	}
	return 0;
}

/*
 * In batches: each thread is looked at soon after it has stopped, because until
 * it is mended our death would mean an EINTR for it.
 */
static int hold_batch(struct tracee *tracee, const size_t *order, size_t nr,
		      struct patience *patience, struct hf_diag *diag)
{
	for (size_t i = 0; i < nr; i++)
		thread_interrupt(&tracee->threads[order[i]]);
	for (size_t i = 0; i < nr; i++) {
		struct thread *thread = &tracee->threads[order[i]];

		if (thread_await(tracee, thread, patience))
			return thread_stuck(tracee, thread, diag);
		thread_look(tracee, thread, patience);
	}
	return 0;
}

static int hold_in_order(struct tracee *tracee, const size_t *order, size_t nr,
			 unsigned int timeout_ms, struct hf_diag *diag)
{
	struct patience patience = patience_ms(timeout_ms);
	int r = 0;

	for (size_t i = 0; !r && i < nr; i += HOLD_BATCH)
		r = hold_batch(tracee, order + i,
			       nr - i < HOLD_BATCH ? nr - i : HOLD_BATCH,
			       &patience, diag);
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

int tracee_hold_all(struct tracee *tracee, unsigned int timeout_ms,
		    struct hf_diag *diag)
{
	owned(free_p) size_t *order = NULL;
	size_t nr;
	int r = newcomers_join(tracee);

	if (!r)
		r = hold_order(tracee, &order, &nr);
	if (r)
		return hf_fail(diag, r, "cannot stop process %d",
			       (int)tracee->process->pid);
	r = hold_in_order(tracee, order, nr, timeout_ms, diag);
	if (!r && (tracee->replaced || !tracee_lives(tracee)))
		r = process_ended(tracee, diag);
	if (r)
		tracee_release_all(tracee);
	return r;
}

void tracee_release(struct tracee *tracee, struct thread *thread)
{
	(void)tracee;
	if (thread->state == THREAD_HELD)
		thread_let_go(thread);
}

/* Whether the held thread was stopped in its own code, not in a system call. */
static bool thread_was_running(const struct thread *thread)
{
	return thread->state == THREAD_HELD && thread->regs_known &&
	       (int64_t)thread->regs.orig_rax < 0;
}

void tracee_release_all(struct tracee *tracee)
{
	for (size_t i = 0; i < tracee->nr_threads; i++)
		if (thread_was_running(&tracee->threads[i]))
			tracee_release(tracee, &tracee->threads[i]);
	for (size_t i = 0; i < tracee->nr_threads; i++) {
		tracee->threads[i].awaited = false;
		tracee_release(tracee, &tracee->threads[i]);
	}
	for (size_t i = 0; i < tracee->nr_newcomers; i++) {
		tracee->newcomers[i].awaited = false;
		tracee_release(tracee, &tracee->newcomers[i]);
	}
}

/* One try at one thread; the next one may be more willing. */
static bool hold_try(struct tracee *tracee, struct thread *thread,
		     unsigned int timeout_ms)
{
	struct patience patience = patience_ms(timeout_ms);

	thread_interrupt(thread);
	(void)thread_await(tracee, thread, &patience);
	thread_look(tracee, thread, &patience);
	patience_end(&patience);
	return thread->state == THREAD_HELD;
}

int tracee_hold_one(struct tracee *tracee, unsigned int timeout_ms,
		    struct thread **ret_thread, struct hf_diag *diag)
{
	const unsigned int first_ms = timeout_ms < 20 ? timeout_ms : 20;
	owned(free_p) size_t *order = NULL;
	struct thread *last = NULL;
	size_t nr;

	if (hold_order(tracee, &order, &nr))
		return hf_fail(diag, -ENOMEM, "cannot stop a thread");
	for (size_t i = 0; i < nr; i++) {
		struct thread *thread = &tracee->threads[order[i]];

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
		      process_ended(tracee, diag);
}

/* --- the end ------------------------------------------------------------- */

static void thread_detach(struct thread *thread)
{
	if (thread->state != THREAD_HELD)
		return;
	trace(PTRACE_DETACH, thread->tid, 0, (uintptr_t)thread->pending_signal);
	thread_gone(thread);
}

/* To be detached a thread must be held; each for as short as can be. */
static void detach_running(struct tracee *tracee, struct thread *threads,
			   size_t nr, unsigned int timeout_ms)
{
	struct patience patience = patience_ms(timeout_ms);

	for (size_t i = 0; i < nr; i++)
		if (threads[i].state == THREAD_RUNNING)
			thread_interrupt(&threads[i]);
	for (size_t i = 0; i < nr; i++) {
		if (threads[i].state != THREAD_RUNNING)
			continue;
		(void)thread_await(tracee, &threads[i], &patience);
		thread_look(tracee, &threads[i], &patience);
		thread_detach(&threads[i]);
	}
	patience_end(&patience);
}

static void detach_all(struct tracee *tracee, unsigned int timeout_ms)
{
	for (size_t i = 0; i < tracee->nr_threads; i += HOLD_BATCH) {
		size_t rest = tracee->nr_threads - i;

		detach_running(tracee, tracee->threads + i,
			       rest < HOLD_BATCH ? rest : HOLD_BATCH,
			       timeout_ms);
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

/*
 * What was held goes first. A thread that does not answer (an uninterruptible
 * sleep) stays traced until we end, and then runs on.
 */
void tracee_free(struct tracee *tracee)
{
	for (size_t i = 0; i < tracee->nr_threads; i++)
		if (thread_was_running(&tracee->threads[i]))
			thread_detach(&tracee->threads[i]);
	for (size_t i = 0; i < tracee->nr_threads; i++)
		thread_detach(&tracee->threads[i]);
	for (unsigned int ms = FREE_FIRST_MS; ms <= FREE_LAST_MS; ms *= 4)
		detach_generations(tracee, ms);
	free(tracee->newcomers);
	free(tracee->threads);
	free(tracee);
}

/* --- a held thread's state ----------------------------------------------- */

static int thread_failed(const struct thread *thread, struct hf_diag *diag)
{
	if (errno == ESRCH)
		return hf_error(diag, -ESRCH, "thread-gone",
				"thread %d has ended", (int)thread->tid);
	return hf_fail(diag, -errno, "thread %d", (int)thread->tid);
}

int thread_get_regs(struct thread *thread, struct hf_diag *diag)
{
	if (trace(PTRACE_GETREGS, thread->tid, 0, (uintptr_t)&thread->regs)) {
		thread->regs_known = false;
		return thread_failed(thread, diag);
	}
	thread->regs_known = true;
	return 0;
}

int thread_set_regs(struct thread *thread, const struct user_regs_struct *regs,
		    struct hf_diag *diag)
{
	if (trace(PTRACE_SETREGS, thread->tid, 0, (uintptr_t)regs))
		return thread_failed(thread, diag);
	thread->regs = *regs;
	thread->regs_known = true;
	return 0;
}

int thread_get_xstate(const struct thread *thread, void *ret_area, size_t *size,
		      struct hf_diag *diag)
{
	struct iovec area = { ret_area, *size };

	if (trace(PTRACE_GETREGSET, thread->tid, NT_X86_XSTATE,
		  (uintptr_t)&area))
		return thread_failed(thread, diag);
	*size = area.iov_len;
	return 0;
}

int thread_set_xstate(const struct thread *thread, const void *area,
		      size_t size, struct hf_diag *diag)
{
	/* SETREGSET only reads through the pointer that it is given. */
	struct iovec vector = { (void *)(uintptr_t)area, size };

	if (trace(PTRACE_SETREGSET, thread->tid, NT_X86_XSTATE,
		  (uintptr_t)&vector))
		return thread_failed(thread, diag);
	return 0;
}

int thread_get_signal_mask(const struct thread *thread, uint64_t *ret_mask,
			   struct hf_diag *diag)
{
	if (trace(PTRACE_GETSIGMASK, thread->tid, sizeof(*ret_mask),
		  (uintptr_t)ret_mask))
		return thread_failed(thread, diag);
	return 0;
}

int thread_set_signal_mask(const struct thread *thread, uint64_t mask,
			   struct hf_diag *diag)
{
	if (trace(PTRACE_SETSIGMASK, thread->tid, sizeof(mask),
		  (uintptr_t)&mask))
		return thread_failed(thread, diag);
	return 0;
}

int thread_suspend_seccomp(const struct thread *thread, bool suspend)
{
	uintptr_t options = OPTIONS;

	if (suspend)
		options |= PTRACE_O_SUSPEND_SECCOMP;
	return trace(PTRACE_SETOPTIONS, thread->tid, 0, options) ? -errno : 0;
}

bool thread_signal_was_sent(const struct thread *thread)
{
	siginfo_t info;

	return !trace(PTRACE_GETSIGINFO, thread->tid, 0, (uintptr_t)&info) &&
	       info.si_code <= 0;
}

void thread_resend_signal(const struct tracee *tracee,
			  const struct thread *thread, int number)
{
	(void)syscall(SYS_tgkill, tracee->process->pid, thread->tid, number);
}

/* --- running a thread ---------------------------------------------------- */

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
			thread_resume(thread, PTRACE_SYSCALL);
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
	thread_resume(thread, PTRACE_SYSCALL);
	r = syscall_await(tracee, thread, &patience, &stop);
	patience_end(&patience);
	thread->awaited = false;
	if (r) {
		(void)hold_try(tracee, thread, 1000);
		return hf_error(diag, r, "call-timeout",
				"thread %d did not finish within %u ms",
				(int)thread->tid, timeout_ms);
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
	thread_resume(thread, PTRACE_CONT);
	r = thread_await(tracee, thread, &patience);
	patience_end(&patience);
	if (r)
		return thread_stuck(tracee, thread, diag);
	if (thread->state == THREAD_GONE) {
		errno = ESRCH;
		return thread_failed(thread, diag);
	}
	return thread_get_regs(thread, diag);
}
