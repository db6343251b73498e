/*
 * Restartable sequences, rseq(2): a thread that is borrowed out of one must
 * come back to its abort handler.
 *
 *   rseq->rseq_cs --> start ... ip ... commit      abort:
 *
 * A thread that loses the processor inside such a sequence is sent to the
 * handler by the kernel when it goes on. But the kernel looks at where the
 * thread goes on: sees it in our stub, takes the sequence for finished, and
 * forgets it. Put back into the middle, the thread would complete it unaborted,
 * perhaps on another processor.
 */
#pragma once

#include "tracee.h"

/**
 * rseq_abort() - do what the kernel would, if @regs are inside a sequence
 * @thread: held, about to be borrowed
 * @regs:   that it will go on with; rip is changed
 *
 * What the kernel would end a process for is left alone.
 */
void rseq_abort(const struct process *process, const struct thread *thread,
		struct user_regs_struct *regs);
