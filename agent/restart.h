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
 * decides when the thread goes on. A thread that job control has stopped is
 * left alone: there the EINTR is what it would see without us, see signal(7).
 *
 * Return: 0, also when there was nothing to mend; -ESRCH.
 */
int thread_mend(struct thread *thread, struct hf_diag *diag);

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
