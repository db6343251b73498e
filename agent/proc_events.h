/*
 * Processes of the host that fork, start programs and end, as the kernel tells it:
 * the process connector (Linux: drivers/connector/cn_proc.c), which takes
 * CAP_NET_ADMIN before Linux 6.6 and speaks of the host's own numbers of processes.
 */
#pragma once

#include <stddef.h>
#include <sys/types.h>

#include "../lib/cleanup.h"
#include "../lib/diag.h"

struct proc_events;

enum proc_event_kind { PROC_FORK, PROC_EXEC, PROC_EXIT };

struct process_event {
	enum proc_event_kind kind;
	pid_t pid;    /* of a fork: the child */
	pid_t parent; /* 0: not known */
	int status;   /* of an exit, as of wait(2) */
};

/**
 * proc_events_open() - begin to listen
 * @ret_events: owned by the caller; proc_events_close()
 *
 * Return: 0; -EPERM; -ENOTSUP a namespace, or a kernel without it; -errno.
 */
int proc_events_open(struct proc_events **ret_events, struct hf_diag *diag);
void proc_events_close(struct proc_events *events);
DEFINE_CLEANUP(struct proc_events, proc_events_close)

/* For poll(2): readable when there may be something. */
int proc_events_fd(const struct proc_events *events);

/* What has been told since, without waiting. Return: 1; 0 nothing more; -ENOBUFS
 * more than could be kept: some are lost. */
int proc_events_next(struct proc_events *events,
		     struct process_event *ret_event);
