/*
 * Threads under ptrace. The only file that calls ptrace(2).
 *
 * PTRACE_SEIZE stops nobody and PTRACE_INTERRUPT stops without a signal, so
 * neither the target nor its parent sees anything. If we die, the kernel lets
 * every thread run on from where it was.
 *
 *            seize           interrupt+wait         detach
 *   untraced ------> running ---------------> held -------> untraced
 *                       ^         release       |
 *                       +-----------------------+
 *
 * A thread that was about to take a signal when it stopped gets that signal
 * back when it is released. A thread in a system call that the kernel would
 * answer with a spurious EINTR after the stop is rewound to make the call again
 * (only when no signal explains the EINTR).
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
};

struct thread {
	pid_t tid;
	enum thread_state state;
	bool group_stopped;  /* job control: stays stopped after we leave */
	int pending_signal;  /* given back at release, 0: none */
	struct user_regs_struct regs; /* valid while held */
	bool regs_known;
};

struct tracee {
	const struct process *process; /* borrowed, outlives the tracee */
	struct thread *threads;
	size_t nr_threads;
	bool seccomp_suspended;
};

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

/* Lets every held thread run; running ones first. It stays traced. */
void tracee_release_all(struct tracee *tracee);

/* Stops one thread, preferably one that sleeps. As tracee_hold_all(). */
int tracee_hold_one(struct tracee *tracee, unsigned int timeout_ms,
		    struct thread **ret_thread, struct hf_diag *diag);

/* Lets one held thread run. */
void tracee_release(struct tracee *tracee, struct thread *thread);

/**
 * tracee_free() - let everything run and stop tracing
 *
 * Never fails: what is gone is gone. Nothing is written to the target.
 */
void tracee_free(struct tracee *tracee);
DEFINE_CLEANUP(struct tracee, tracee_free)

/* Registers of a held thread. Return: 0; -ESRCH. */
int thread_get_regs(struct thread *thread, struct hf_diag *diag);
int thread_set_regs(struct thread *thread, const struct user_regs_struct *regs,
		    struct hf_diag *diag);

/* Room for the largest XSAVE area in use today (AMX included), in bytes. */
#define XSTATE_SIZE_MAX 16384

/* The XSAVE area as ptrace gives it; @size: room in, size out. */
int thread_get_xstate(const struct thread *thread, void *ret_area, size_t *size,
		      struct hf_diag *diag);

int thread_get_signal_mask(const struct thread *thread, uint64_t *ret_mask,
			   struct hf_diag *diag);
int thread_set_signal_mask(const struct thread *thread, uint64_t mask,
			   struct hf_diag *diag);

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
 * Return: 0, with registers fetched unless GONE; -ETIMEDOUT: the thread was
 * stopped where it was and is held; -errno.
 */
int thread_run_to_syscall(struct tracee *tracee, struct thread *thread,
			  unsigned int timeout_ms,
			  enum thread_event *ret_event, struct hf_diag *diag);

/* Moves a held thread to a PTRACE_EVENT_STOP, where the kernel decides about
 * restarting a system call afresh. */
int thread_settle(struct tracee *tracee, struct thread *thread,
		  unsigned int timeout_ms, struct hf_diag *diag);
