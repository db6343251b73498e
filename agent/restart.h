/*
 * System calls that our stops interrupt: how each goes on afterwards.
 *
 * A thread that is stopped in a system call leaves it with one of the kernel's
 * own codes in rax. When it goes on, the kernel looks at the code and either
 * makes the call again or turns it into EINTR; no program ever sees a code.
 *
 *   -512 ERESTARTSYS           again, unless a handler without SA_RESTART runs
 *   -513 ERESTARTNOINTR        again
 *   -514 ERESTARTNOHAND        again, unless a handler runs
 *   -516 ERESTART_RESTARTBLOCK the rest of a wait, by restart_syscall(2),
 *                              unless a handler runs
 *
 * Some calls answer a plain -EINTR instead, to any stop: what the kernel would
 * not mend, we have to.
 *
 * Made again, such a call waits its whole time anew. Stopped more often than
 * that, while we wait for a busy function, it would never end. So the first
 * stop leaves a mark in the half of orig_rax that the kernel does not look at:
 *
 *    63     56 55                 32 31                        0
 *   +---------+---------------------+---------------------------+
 *   | 'H'     | when, in 4 ms       | number of the system call |
 *   +---------+---------------------+---------------------------+
 *
 * The kernel makes a call again with rax = orig_rax: the mark is there at the
 * next stop, of whichever agent, if and only if it is still the same call. Once
 * it returns, rax is its result and the mark is gone. A stop that finds a mark
 * older than the call's time limit ends the call as the kernel would have.
 *
 * What remains: one stop makes such a wait longer by the part of it that was
 * over, and never shorter. Kernels before 5.14 look at all of rax, and get no
 * marks.
 */
#pragma once

#include "tracee.h"

#define ERESTARTSYS 512
#define ERESTARTNOHAND 514
#define ERESTART_RESTARTBLOCK 516

/**
 * thread_mend() - keep our stop from ending a held thread's system call
 *
 * A plain EINTR becomes "again, unless a handler runs", so that the kernel
 * decides when the thread goes on; or the call's own answer to a wait that was
 * too long, where its time is over. A thread that job control has stopped is
 * left alone: there the EINTR is what it would see without us, see signal(7).
 *
 * Return: 0, also when there was nothing to mend; -ESRCH.
 */
int thread_mend(const struct process *process, struct thread *thread,
		struct hf_diag *diag);

/* The system call's number, without a mark; negative: in none. */
static inline long regs_syscall(const struct user_regs_struct *regs)
{
	return (int32_t)regs->orig_rax;
}

/* Whether the kernel wants to make the call again that left this in rax. */
bool value_is_restart(int64_t value);

/* Calls whose rest the kernel remembers when they are interrupted. */
bool syscall_keeps_rest(uint64_t number);

/**
 * restart_name_syscall() - the number of the call that goes on later
 * @regs: of a held thread; orig_rax is changed
 *
 * A wait that was interrupted before goes on as restart_syscall(2), which means
 * nothing once rt_sigreturn has made the kernel forget the rest. The call is
 * named by its own number instead, and starts anew. If the number cannot be
 * found, nothing is changed.
 */
void restart_name_syscall(const struct process *process,
			  struct user_regs_struct *regs);
