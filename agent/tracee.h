/*
 * Threads under ptrace. Only tracee.c calls ptrace(2); the map of the files
 * behind this header is in tracee_internal.h.
 *
 * PTRACE_SEIZE stops nobody and PTRACE_INTERRUPT stops without a signal, so
 * neither the target nor its parent sees anything. If we die, the kernel lets
 * every thread run on from where it was.
 *
 *            seize           interrupt+wait         detach
 *   untraced ------> running ---------------> held -------> untraced
 *                    ^  ^         release      | |
 *                    |  +----------------------+ | visited
 *                    |                           v
 *                    +------------------------ dormant
 *                              its call is over
 *
 * A held thread always stands at a PTRACE_EVENT_STOP. One that stopped because
 * a signal is about to be delivered takes it first: the kernel builds the
 * handler's frame, and the next stop comes before the handler's first
 * instruction. So a signal is never kept back or given twice.
 *
 * A few system calls (epoll_wait, semop, recv with SO_RCVTIMEO...) fail with a
 * plain EINTR after any stop, also one without a signal. Their result is turned
 * into the kernel's own "restart unless a handler runs", see restart.h, so that
 * the kernel decides when the thread goes on: a real signal still ends the call
 * with EINTR, our stop does not. Such a call waits its whole time anew, but not
 * again and again. (Were we to die in the microseconds between the stop and
 * this, the EINTR would stay: what a stop signal does to these calls as well,
 * see signal(7).)
 *
 * A traced thread stops at every signal and at every clone and waits for us.
 * Threads that are seized and not held must therefore be served: every call
 * that waits does, and a caller who has nothing to do meanwhile lets them run
 * with tracee_serve(), or, for more than some milliseconds, calls tracee_free()
 * and seizes anew.
 */
#pragma once

#include <signal.h>
#include <sys/user.h>

#include "process.h"
#include "procfs.h"

enum thread_state {
	THREAD_RUNNING, /* seized, not stopped */
	THREAD_HELD,	/* in a ptrace stop */
	THREAD_GONE,	/* has ended; nothing may be done with it */
	THREAD_LEFT,	/* runs, traced no longer */
};

struct thread {
	pid_t tid;
	enum thread_state state;
	bool group_stopped; /* job control: stays stopped after we leave */
	bool awaited;	    /* whoever waits for its stop wants to keep it */
	bool kept;	    /* stays held when all are released */
	bool at_event_stop; /* the held thread stands where hold put it */
	bool in_syscall;    /* stands between a call's entry and exit stop */
	int pending_signal; /* given back at release, 0: none */
	bool dormant;	    /* asleep in the call that it was looked at in */
	int verdict;	    /* what that look has found; valid while dormant */
	bool regs_known;
	/* Last: a pass over many threads must not have to fetch them. */
	struct user_regs_struct regs; /* valid when known, or when dormant */
};

struct tracee {
	const struct process *process; /* borrowed, outlives the tracee */
	struct thread *threads;
	size_t nr_threads;
	bool seccomp_suspended;
	/* Threads born since; they join the others when all are held. */
	struct thread *newcomers;
	size_t nr_newcomers;
	bool replaced; /* by exec: what we traced is no more */
};

/* --- begin and end ------------------------------------------------------- */

/**
 * tracee_seize() - trace every thread of a process, stopping none
 *
 * New threads are traced from their first instruction on. Succeeds after a
 * pass over /proc/PID/task that met only known threads.
 *
 * Return: 0; -ECANCELED (code "traced") when somebody else traces it, named
 * with PID and command; -EPERM with the missing capability or setting; -ESRCH;
 * -ETIMEDOUT when threads are made faster than we can follow; -ENOMEM.
 */
int tracee_seize(const struct process *process, unsigned int timeout_ms,
		 struct tracee **ret_tracee, struct hf_diag *diag);

/**
 * tracee_seize_thread() - trace one thread of a process, and those that it makes
 *
 * Return: as tracee_seize(), without words.
 */
int tracee_seize_thread(const struct process *process, pid_t tid,
			struct tracee **ret_tracee);

/**
 * tracee_free() - let everything run and stop tracing
 *
 * Never fails: what is gone is gone. Nothing is written to the target.
 */
void tracee_free(struct tracee *tracee);
DEFINE_CLEANUP(struct tracee, tracee_free)

/* --- all threads --------------------------------------------------------- */

/**
 * tracee_hold_all() - stop every thread
 * @timeout_ms: budget for all together
 *
 * Threads that sleep are stopped first, running ones last. On success no thread
 * of the process runs, and every thread's registers are known. On failure all
 * run again.
 *
 * Return: 0; -ESRCH the process has ended; -ETIMEDOUT, naming the thread that
 * would not stop and what it is doing.
 */
int tracee_hold_all(struct tracee *tracee, unsigned int timeout_ms,
		    struct hf_diag *diag);

/* What a caller finds in a held thread. Return: its verdict, >= 0; -errno. */
typedef int (*thread_visit)(void *context, const struct thread *thread,
			    struct hf_diag *diag);

/**
 * tracee_visit_sleepers() - look at each sleeping thread, and leave it asleep
 * @visit: called with one held thread after the other; all others run
 *
 * A dormant thread sleeps in the system call that it was looked at in, or stands
 * at its end: it has not run an instruction of its own since, so that what was
 * found is still true. That ends when it is let run, which every call does that
 * lets threads run: a dormant one whose call is over waits no longer than that.
 *
 * Threads that are not asleep, or not for long, are left alone.
 *
 * Return: 0; -errno of @visit; -ESRCH; -ENOMEM.
 */
int tracee_visit_sleepers(struct tracee *tracee, thread_visit visit,
			  void *context, struct hf_diag *diag);

/**
 * tracee_hold_awake() - stop every thread that is not dormant
 *
 * As tracee_hold_all(); those that are dormant stay so until threads are released.
 */
int tracee_hold_awake(struct tracee *tracee, unsigned int timeout_ms,
		      struct hf_diag *diag);

/* Lets every held thread run that is not kept; those outside system calls first.
 * They stay traced. */
void tracee_release_all(struct tracee *tracee);

/*
 * The same, and they are traced no longer; dormant ones are, until the end. The
 * registers of all stay as they were.
 */
void tracee_detach_held(struct tracee *tracee);

/**
 * tracee_serve() - let the running threads run, for a while
 *
 * Gives signals on and lets new threads go. For short gaps: each signal costs
 * the target two switches to us and back.
 */
void tracee_serve(struct tracee *tracee, unsigned int duration_us);

/* --- one thread ---------------------------------------------------------- */

/* Stops one thread, preferably one that sleeps. As tracee_hold_all(). */
int tracee_hold_one(struct tracee *tracee, unsigned int timeout_ms,
		    struct thread **ret_thread, struct hf_diag *diag);

/*
 * To stop a thread without waiting for it: asked once, it is held when
 * tracee_collect() says so, now or later. Until then it is nobody else's.
 */
void tracee_ask(struct thread *thread);
bool tracee_collect(struct tracee *tracee, struct thread *thread);

/* Lets one held thread run. */
void tracee_release(struct tracee *tracee, struct thread *thread);

/* The thread of that id, or NULL. Valid until the next hold of all threads. */
struct thread *tracee_find(struct tracee *tracee, pid_t tid);

/* --- a held thread's state ----------------------------------------------- */

/* Registers of a held thread. Return: 0; -ESRCH. */
int thread_get_regs(struct thread *thread, struct hf_diag *diag);
int thread_set_regs(struct thread *thread, const struct user_regs_struct *regs,
		    struct hf_diag *diag);

/* Room for the largest XSAVE area in use today (AMX included), in bytes. */
#define XSTATE_SIZE_MAX 16384

/* The XSAVE area as ptrace gives it; @size: room in, size out. */
int thread_get_xstate(const struct thread *thread, void *ret_area, size_t *size,
		      struct hf_diag *diag);

int thread_set_xstate(const struct thread *thread, const void *area,
		      size_t size, struct hf_diag *diag);

int thread_get_signal_mask(const struct thread *thread, uint64_t *ret_mask,
			   struct hf_diag *diag);
int thread_set_signal_mask(const struct thread *thread, uint64_t mask,
			   struct hf_diag *diag);

/*
 * Where the thread has its struct rseq, and the signature of its handlers.
 *
 * Return: 0; -ENOENT: nowhere, or the kernel (before 5.13) does not say.
 */
int thread_get_rseq(const struct thread *thread, hf_addr *ret_area,
		    uint32_t *ret_signature);

/* --- running a held thread ----------------------------------------------- */

/* What a thread that was let run came back with. */
enum thread_event {
	THREAD_EVENT_SYSCALL_ENTRY,
	THREAD_EVENT_SYSCALL_EXIT,
	THREAD_EVENT_STOPPED,	/* our interrupt, or a group stop */
	THREAD_EVENT_SIGNAL,	/* about to take `pending_signal` */
	THREAD_EVENT_GONE,
};

/**
 * thread_run_to_syscall() - run a held thread to its next system call border
 *
 * Clones and the other threads' events are served on the way.
 *
 * Return: 0, with registers fetched unless GONE; -ETIMEDOUT: the thread was
 * stopped where it was and is held (its state says RUNNING when even that was
 * not possible); -errno.
 */
int thread_run_to_syscall(struct tracee *tracee, struct thread *thread,
			  unsigned int timeout_ms,
			  enum thread_event *ret_event, struct hf_diag *diag);

/**
 * thread_settle() - move a held thread to a PTRACE_EVENT_STOP
 *
 * From a system call's exit stop (not its entry: the call would be made), or
 * with a pending signal. No instruction is executed on the way. There the
 * kernel decides afresh about signals and about restarting a system call, from
 * the registers that it finds.
 *
 * Return: 0; -ESRCH; -ETIMEDOUT.
 */
int thread_settle(struct tracee *tracee, struct thread *thread,
		  unsigned int timeout_ms, struct hf_diag *diag);

/* --- seccomp and signals ------------------------------------------------- */

/**
 * thread_suspend_seccomp() - keep seccomp filters from a held thread's calls
 *
 * Ends with @suspend false, with tracing, or with us.
 *
 * Return: 0; -ESRCH; -EPERM without CAP_SYS_ADMIN or when we are under a filter
 * ourselves; -EINVAL when the kernel cannot.
 */
int thread_suspend_seccomp(const struct thread *thread, bool suspend);

/*
 * Whether the kernel raises SIGSYS for system calls of a held thread that it
 * makes outside of code it has named (PR_SET_SYSCALL_USER_DISPATCH: Wine). Not
 * known, and false, before Linux 6.4.
 */
bool thread_dispatches_syscalls(const struct thread *thread);

/* Who sent the pending signal: true when it came from a kill(2) of some kind,
 * false when the thread's own instruction raised it. */
bool thread_signal_was_sent(const struct thread *thread);

/* Sends a signal to a thread of the target again, that was kept from it. */
void thread_resend_signal(const struct tracee *tracee,
			  const struct thread *thread, int number);
