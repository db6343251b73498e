/*
 * What the files behind tracee.h share; nobody else includes this.
 *
 *   tracee.c          ptrace(2): one thread, one request, what a stop means
 *   patience.c        waiting for a stop: spin, then sleep
 *   restart.c         system calls that our stops interrupt
 *   tracee_threads.c  which threads there are; the newly born
 *   tracee_serve.c    threads that are not wanted: kept running
 *   tracee_hold.c     the joint stop and its release
 *   tracee_run.c      one held thread, run to its next stop
 *   tracee_dormant.c     sleepers: looked at and left asleep
 *   tracee_attach.c   how tracing begins and ends
 *
 * Each uses only those above it.
 */
#pragma once

#include "patience.h"
#include "tracee.h"

/* What waitpid(2) said of a thread. */
enum stop {
	STOP_NONE,
	STOP_EVENT, /* PTRACE_EVENT_STOP */
	STOP_SYSCALL,
	STOP_SIGNAL,
	STOP_CLONE,
	STOP_EXEC,
	STOP_GONE,
};

/* --- tracee.c ------------------------------------------------------------ */

/*
 * Return: 0; -ESRCH; -EPERM; -EACCES; -EAGAIN: not in time, for the process is
 * in execve(2), or for another reason; it may be traced all the same.
 */
int thread_seize(pid_t tid);

/*
 * Lets a held thread go, for good; any other is left alone. One that was killed
 * meanwhile counts as running, and is to be waited for.
 */
void thread_detach(struct thread *thread);

/* Nothing may be done with it from now on. */
void thread_gone(struct thread *thread);

/* Whether a running thread has stopped or ended meanwhile, and how. */
enum stop thread_poll(struct thread *thread);

/*
 * What a running thread came to, which is still to be waited for: the stop of an
 * execve; its end.
 */
bool thread_has_execed(const struct thread *thread);
bool thread_has_ended(const struct thread *thread);

/*
 * The thread will stop or end; which of it, and at which stop first, only
 * waiting tells.
 */
void thread_interrupt(struct thread *thread);

/* At a clone stop: the number of the child, traced from birth. */
int thread_get_child(const struct thread *parent, pid_t *ret_tid);

/* A held thread goes on; its pending signal goes along. */
void thread_continue(struct thread *thread);
void thread_continue_to_syscall(struct thread *thread);

/* On its way, or, when job control has stopped it, back to sleep. */
void thread_let_go(struct thread *thread);

/* Words for @r, which a request for the thread returned. Return: @r. */
int thread_failed(const struct thread *thread, int r, struct hf_diag *diag);

/* --- tracee_threads.c ---------------------------------------------------- */

bool tracee_lives(const struct tracee *tracee);

/* Nothing is left to trace: why. Return: -ESRCH. */
int tracee_ended(const struct tracee *tracee, struct hf_diag *diag);

/* All threads but the one that called exec have ended; that one is let go. */
void tracee_replaced(struct tracee *tracee, struct thread *thread);

/**
 * newcomer_add() - a thread that was not known so far
 *
 * Its birth is told twice, by its parent and by the directory, and its number
 * may have been that of one that has ended. May move the newcomers.
 *
 * Return: 0; -ENOMEM.
 */
int newcomer_add(struct tracee *tracee, pid_t tid, enum thread_state state);

/* The clone stop of a parent names its child. */
void newcomer_from_clone(struct tracee *tracee, const struct thread *parent);

/* Newcomers become threads like the others; pointers to threads end here. */
int newcomers_join(struct tracee *tracee);

bool thread_is_known(struct tracee *tracee, pid_t tid);

/* A thread of the process; not somebody else who got the number. */
bool thread_is_ours(const struct tracee *tracee, pid_t tid);

/*
 * A main thread that has ended before the others stays, and never stops nor can
 * be waited for. Any other thread that has ended is there until we reap it.
 */
bool thread_is_dead_leader(const struct tracee *tracee, pid_t tid);

/* --- tracee_serve.c ------------------------------------------------------ */

/* One look at every thread that runs and is not awaited. */
void serve_all(struct tracee *tracee);

/* The same, sooner done where nearly all of many threads sleep. */
void serve_stopped(struct tracee *tracee);

/* Notes which dormant threads have ended, and lets the kernel forget them. */
void collect_ended(struct tracee *tracee);

/* --- tracee_hold.c ------------------------------------------------------- */

/**
 * thread_await() - wait until an interrupted thread is held or gone
 *
 * Return: 0: state says which; -ETIMEDOUT, no words.
 */
int thread_await(struct tracee *tracee, struct thread *thread,
		 struct patience *patience);

/*
 * Registers of a thread just held, and its system call mended. One that was
 * killed meanwhile is collected.
 */
void thread_look(struct tracee *tracee, struct thread *thread,
		 struct patience *patience);

/* One try at one thread. Return: whether it is held. */
bool hold_try(struct tracee *tracee, struct thread *thread,
	      unsigned int timeout_ms);

/* Whether it is traced and not held; of dormant ones only where they count. */
static inline bool thread_runs(const struct thread *thread, bool dormant)
{
	return thread->state == THREAD_RUNNING && (dormant || !thread->dormant);
}

/* Whether the held thread was stopped in its own code, not in a system call. */
bool thread_was_running(const struct thread *thread);

/* It would not stop: what it does instead. Return: -ETIMEDOUT. */
int thread_stuck(const struct tracee *tracee, const struct thread *thread,
		 struct hf_diag *diag);
