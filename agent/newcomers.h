/*
 * Processes that have started a program, or were forked: told by the kernel
 * (proc_events.h) or, where that is not permitted, found by looking again and again.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "../lib/cleanup.h"
#include "proc_events.h"

/* Between two looks. */
#define NEWCOMERS_GAP_MS 40

struct newcomers;

/* @events: borrowed; NULL: it is looked for. Return: owned, newcomers_free(); NULL
 * without memory. */
struct newcomers *newcomers_new(struct proc_events *events);
void newcomers_free(struct newcomers *newcomers);
DEFINE_CLEANUP(struct newcomers, newcomers_free)

/*
 * Waits for @timeout_ms at most. Return: 1 with an event: PROC_EXEC of a process
 * that may have started a program (or, without events, was forked), PROC_FORK,
 * PROC_EXIT; 0: none; -ENOBUFS: some are lost, and all processes are to be looked at.
 */
int newcomers_next(struct newcomers *newcomers, unsigned int timeout_ms,
		   struct process_event *ret_event);
