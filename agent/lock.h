/*
 * One agent at a time works on a process.
 *
 * The lock is flock(2) on /proc/PID/mem: only who may trace the process can
 * open it, every agent of the host meets the same inode, and the kernel drops
 * it when the agent dies, however it dies. So a control block in a passing
 * state means "interrupted" exactly when the lock is free.
 */
#pragma once

#include "process.h"

/**
 * process_lock() - keep other agents away until the process is closed
 * @timeout_ms: how long to wait for another agent to finish
 *
 * Return: 0; -EBUSY (code "busy"), naming the agent at work; -errno.
 */
int process_lock(const struct process *process, unsigned int timeout_ms,
		 struct hf_diag *diag);

/* Whether another agent is at work on it. */
bool process_locked(const struct process *process);
