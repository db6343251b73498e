/*
 * Processes of the host that end with an error, as the kernel tells it: the process
 * connector (Linux: drivers/connector/cn_proc.c), which takes CAP_NET_ADMIN before
 * Linux 6.6 and speaks of the host's own numbers of processes.
 */
#pragma once

#include <stddef.h>
#include <sys/types.h>

#include "../lib/cleanup.h"
#include "../lib/diag.h"

struct exits;

struct exit_event {
	pid_t pid, parent;
	int status; /* of wait(2); never 0 */
};

/**
 * exits_open() - begin to listen
 * @ret_exits: owned by the caller; exits_close()
 *
 * Return: 0; -EPERM; -ENOTSUP a namespace, or a kernel without it; -errno.
 */
int exits_open(struct exits **ret_exits, struct hf_diag *diag);
void exits_close(struct exits *exits);
DEFINE_CLEANUP(struct exits, exits_close)

/* What has been told since, without waiting. Return: 1; 0 nothing more; -ENOBUFS
 * more than could be kept: some are lost. */
int exits_next(struct exits *exits, struct exit_event *ret_event);
