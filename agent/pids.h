/*
 * The processes that a command is about: in the order named, each once.
 */
#pragma once

#include <stddef.h>
#include <sys/types.h>

#include "../lib/diag.h"

struct pids {
	pid_t *entries;
	size_t nr;
};

/* Adds one unless it is there. Return: 0; -ENOMEM. */
int pids_add(struct pids *pids, pid_t pid, struct hf_diag *diag);

/* Adds those of "1,2,3". Return: 0; -EINVAL with the reason; -ENOMEM. */
int pids_parse(struct pids *pids, const char *text, struct hf_diag *diag);

void pids_release(struct pids *pids);
