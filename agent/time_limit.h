/*
 * How long an interrupted system call was told to wait, and what it returns
 * when that time is over. From its arguments, or from its socket.
 */
#pragma once

#include "tracee.h"

struct time_limit {
	uint64_t ns;
	int64_t result; /* 0, -EAGAIN, -ETIME, as the kernel answers */
};

/* Whether the call may wait for a limited time at all; costs nothing. */
bool time_limit_possible(const struct user_regs_struct *regs);

/**
 * time_limit_read() - of the call that a held thread is in
 *
 * Reads its memory; for a socket, gets hold of it for a moment (pidfd_getfd).
 *
 * Return: 0; -ENOENT: it waits for ever, or until a point in time, or nobody
 * knows.
 */
int time_limit_read(const struct process *process, const struct thread *thread,
		    struct time_limit *ret_limit);
