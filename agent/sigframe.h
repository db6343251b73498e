/*
 * A complete rt_sigframe, so that a borrowed thread can restore itself.
 *
 * x86-64 ABI, see the kernel's arch/x86/include/asm/sigframe.h and
 * uapi/asm/sigcontext.h. rt_sigreturn with the stack pointer at `uc` restores
 * general registers, flags, signal mask and the whole XSAVE state.
 */
#pragma once

#include <stdbool.h>
#include <sys/user.h>

#include "../lib/types.h"

#define SIGFRAME_SIZE_MAX (16384 + 2048)

struct sigframe {
	hf_addr address;  /* where the bytes belong */
	hf_addr stack_pointer; /* for rt_sigreturn */
	size_t size;
	uint8_t bytes[SIGFRAME_SIZE_MAX];
};

/**
 * sigframe_build() - the frame that brings a thread back to @regs
 * @below: highest address that may be overwritten, exclusive (stack pointer
 *         less the red zone, less room that the caller wants)
 *
 * An interrupted system call (rax -512...-516) is written as already rewound,
 * because rt_sigreturn does not restart it. The alternate signal stack is left
 * as it is: its flags are given an invalid value, which the kernel ignores.
 *
 * Return: 0; -E2BIG when @xstate does not fit; -EINVAL when it is no XSAVE
 * area.
 */
int sigframe_build(const struct user_regs_struct *regs, const void *xstate,
		   size_t xstate_size, uint64_t signal_mask, hf_addr below,
		   struct sigframe *ret_frame);

/* @regs rewound so that the interrupted system call is made again. */
void regs_rewind_syscall(struct user_regs_struct *regs);
