/*
 * Memory that never comes: a page of the target may lie in a file whose file
 * system (FUSE, NFS) does not answer. Linux lets nobody out of that wait alive:
 * page faults for others are TASK_KILLABLE at best. So a second thread watches the
 * transfers, says why, and ends the agent, which may end at any moment.
 */
#pragma once

#include <sys/types.h>

#include "../lib/diag.h"

/* Longer than any disk needs, even one that has to bring pages back from swap. */
#define STALL_LIMIT_MS 2000

typedef int stall_tell_fn(void *context, pid_t pid, struct hf_diag *diag);

/**
 * stall_on_end() - who is to tell the user
 * @tell: called in the watching thread, while the other one waits in the kernel;
 * returns the exit status. NULL: nobody is told, the status is 1
 * @context: borrowed, handed to @tell
 */
void stall_on_end(stall_tell_fn *tell, void *context);

/* Starts the watch of this process if there is none. Without the means for a
 * thread nobody watches. */
void stall_watch(void);

/* Around what may wait for memory of process @pid; in one thread. */
void stall_begin(pid_t pid);
void stall_end(void);
