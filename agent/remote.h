/*
 * System calls and function calls in the target, by a borrowed thread.
 *
 *   _start of the main program (dead since start-up) holds the constant stub:
 *
 *     call:     call *%rbp
 *               mov  %rax,%rdi        the result, for the agent to see
 *     restore:  mov  %rbx,%rsp  <-+
 *               push $15          |   rt_sigreturn(2)
 *               pop  %rax         |
 *               syscall           |
 *               jmp  restore -----+
 *
 *   and the borrowed thread's own stack holds, below the red zone,
 *
 *     high  | ... the thread's live stack ...             |
 *           | red zone, 128 bytes                         |
 *           | scratch: strings for system calls           |
 *           | rt_sigframe: the thread as it was           |
 *     rbx ->|                                             |
 *           | free, for functions that are called         |
 *
 * Left alone, a thread in the stub restores itself: that is all it ever does by
 * its own. For a system call the agent meets it at the entry stop of that
 * rt_sigreturn and exchanges the number and the arguments; afterwards the
 * thread stands in the loop again. So we may die at any instant.
 *
 * A seccomp filter sees what a thread does after our death: its rt_sigreturn,
 * which every filter allows that lets signals be handled, and, if we die in the
 * few microseconds between exchange and call, that one call.
 *
 * While we live, the thread is restored through ptrace, which also keeps the
 * kernel's restart block; then stub and stack get their old bytes back.
 */
#pragma once

#include "tracee.h"

struct remote;

#define REMOTE_SCRATCH_SIZE 512

/**
 * remote_begin() - borrow a thread
 * @tracee: seized; if everything is held, one of the held threads is borrowed
 *          and the others stay held, else one thread is stopped
 * @ret_remote: to be ended by remote_end(), in success and in failure
 *
 * Where a seccomp filter stands in the way it is suspended (CAP_SYS_ADMIN).
 * Only a thread that runs on the main stack or on a stack that holds its own
 * thread control block is borrowed: of a coroutine's stack nobody knows where
 * it ends.
 *
 * Until remote_end() the other functions of tracee.h must not be used on the
 * borrowed thread, and registers of its struct thread are not its own.
 *
 * Return: 0; -ECANCELED when no thread can be borrowed ("no-stack",
 * "entry-changed", "seccomp", "user-dispatch"); -ESRCH; -ETIMEDOUT.
 */
int remote_begin(struct tracee *tracee, struct remote **ret_remote,
		 struct hf_diag *diag);

/**
 * remote_syscall() - one system call
 * @ret_value: what the kernel returned: a value, or -errno (its failure is not
 *             a failure of this function)
 *
 * Return: 0 when the call was made; -ESRCH; -ETIMEDOUT.
 */
int remote_syscall(struct remote *remote, long number,
		   const uint64_t arguments[6], int64_t *ret_value,
		   struct hf_diag *diag);

/* The process whose thread is borrowed. */
const struct process *remote_process(const struct remote *remote);

/* Address of REMOTE_SCRATCH_SIZE writable bytes in the target. */
hf_addr remote_scratch(const struct remote *remote);

/**
 * remote_call() - call a function of the target with up to six integers
 *
 * For IFUNC resolvers and hooks: it must be async-signal-safe. On a time-out
 * the thread is taken out of the function and restored.
 *
 * It finds clean floating-point state, and what it does to that is undone.
 *
 * Return: 0 when it returned; -ETIMEDOUT; -ECANCELED (code "hook-signal") when
 * it raised a signal such as SIGSEGV, or (code "shadow-stack", "no-stack") when
 * it cannot be called at all; -ESRCH.
 */
int remote_call(struct remote *remote, hf_addr function,
		const uint64_t arguments[6], unsigned int timeout_ms,
		uint64_t *ret_value, struct hf_diag *diag);

/**
 * remote_end() - give the thread back as it was, and the stub's bytes
 *
 * Takes @remote over. A thread that was stopped by remote_begin() runs again.
 *
 * Return: 0, also when the thread has ended meanwhile; -errno when the thread
 * could not be restored through ptrace: it restores itself then, and the stub
 * stays for it (see remote_sweep()).
 */
int remote_end(struct remote *remote, struct hf_diag *diag);

/**
 * remote_drained() - has every thread left what a dead agent put it into?
 *
 * Before that it may still make the system call that it was given. Call only
 * when every thread is held.
 *
 * Return: 0; -EAGAIN: one is in the stub, or runs a function for it; -errno.
 */
int remote_drained(struct tracee *tracee, struct hf_diag *diag);

/**
 * remote_sweep() - remove what a dead agent left of a borrowing
 *
 * The stub's bytes at _start, if they are the stub's, are put back from the
 * executable's file. Call only when every thread is held and none is inside
 * the stub; if one is, -EAGAIN.
 *
 * Return: 0 (@ret_found: there was something); -EAGAIN; -errno.
 */
int remote_sweep(struct tracee *tracee, bool *ret_found, struct hf_diag *diag);

/* Whether the stub stands at _start: a dead agent's, unless one is at work. */
int remote_stub_present(const struct process *process, bool *ret_present,
			struct hf_diag *diag);
