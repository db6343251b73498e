/*
 * Processes that a cgroup's freezer has stopped: "docker pause", "systemctl
 * freeze". They run no instruction, not even to be borrowed for a system call.
 */
#pragma once

#include "process.h"

/**
 * process_require_thawed() - refuse a process that is frozen
 *
 * Where the cgroup's directory is not to be seen, in a container for example,
 * nothing is known, and nothing refused.
 *
 * Return: 0; -ECANCELED (code "frozen") with the advice to thaw it.
 */
int process_require_thawed(const struct process *process, struct hf_diag *diag);

/* Adds that to a message about a thread that does not move, if it is so. */
void frozen_explain(const struct process *process, struct hf_diag *diag);
