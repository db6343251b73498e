/*
 * What remote.c and remote_call.c share; nobody else includes this.
 */
#pragma once

#include "../lib/io.h"
#include "remote.h"
#include "sigframe.h"
#include "stub.h"

/* To the next border of a system call, when the thread has little to do. */
#define STEP_TIMEOUT_MS 2000

struct remote {
	struct tracee *tracee;
	pid_t tid; /* looked up each time: threads move when others are born */
	bool give_back_running;
	struct stub stub;
	/* The thread as it was. */
	struct user_regs_struct regs;
	uint64_t signal_mask;
	bool shadow_stack;
	size_t xstate_size;
	uint8_t xstate[XSTATE_SIZE_MAX];
	/* What was overwritten of its stack: [frame, red zone). */
	struct sigframe frame;
	hf_addr scratch;
	hf_addr stack_floor;
	struct buffer stack;
	/* How far we came. */
	bool stack_written, stub_written, regs_written, mask_written;
	uint64_t resend; /* signals that somebody sent meanwhile, by bit */
};

static inline struct thread *borrowed(const struct remote *remote)
{
	return tracee_find(remote->tracee, remote->tid);
}

/* Registers of a thread that, left alone, restores itself. */
struct user_regs_struct remote_parked_regs(const struct remote *remote);

/* The end of the stack that is free for the called code, 16-byte aligned. */
hf_addr remote_free_stack(const struct remote *remote);

/**
 * remote_step() - to the next border of a system call
 *
 * A signal that somebody sent although it is one of those that we leave
 * unblocked is put off until the end.
 *
 * Return: 0; -ECANCELED when the thread's own code raised a signal, which it
 * does not get; -ESRCH; -ETIMEDOUT.
 */
int remote_step(struct remote *remote, unsigned int timeout_ms,
		enum thread_event *ret_event, struct hf_diag *diag);

/* Whether the thread is about to restore itself, at the stub's end. */
bool remote_at_sigreturn(const struct remote *remote);

/**
 * remote_exchange() - another call instead of the rt_sigreturn
 *
 * At its entry stop. Afterwards the thread stands in the stub's loop again.
 *
 * Return: as remote_syscall().
 */
int remote_exchange(struct remote *remote, long number,
		    const uint64_t arguments[6], int64_t *ret_value,
		    struct hf_diag *diag);
