/*
 * Which thread of the target is borrowed.
 *
 * It must stand where the kernel decides afresh how it goes on, run 64-bit
 * code, be free to make system calls anywhere, and have free stack below it
 * whose extent is known: the main stack, or one that holds the thread's own
 * control block. Of a coroutine's stack nobody knows where it ends. Of those
 * that will do, the one is taken for which our death would matter least.
 */
#pragma once

#include "tracee.h"

/**
 * choose_thread() - a held thread to borrow
 * @tracee:      when everything is held, one of those is chosen; else one is
 *               stopped
 * @room:        bytes of stack it must have to spare
 * @ret_tid:     the thread
 * @ret_stopped: it was stopped for this; the others run
 *
 * Return: 0; -ECANCELED (code "no-stack", "user-dispatch") when none will do;
 * -ESRCH; -ETIMEDOUT.
 */
int choose_thread(struct tracee *tracee, const struct mappings *mappings,
		  hf_addr room, pid_t *ret_tid, bool *ret_stopped,
		  struct hf_diag *diag);

/*
 * The lowest address that surely belongs to the thread's stack, or 0. The main
 * stack grows for @room bytes below the stack pointer, where the kernel lets it.
 */
hf_addr thread_stack_floor(const struct process *process,
			   const struct mappings *mappings,
			   const struct user_regs_struct *regs, hf_addr room);
