/*
 * What waits to be confirmed, a file each:
 *
 *   STATE/pending/NAME@GUARD.waiting     until its time is over
 *                           .reverting   it is over
 *                           .failed      and some process could not be reverted
 *
 * The name changes at once for all: of the guard, who takes the patch back, and an
 * operator who confirms it in the same moment, one finds the file gone.
 */
#pragma once

#include <jansson.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

#include "../lib/manifest.h"
#include "pids.h"

enum pending_state { PENDING_WAITING, PENDING_REVERTING, PENDING_FAILED };

struct pending {
	char name[MANIFEST_NAME_MAX + 1];
	char digest[2 * SHA256_SIZE + 1];
	pid_t guard;
	uint64_t guard_start; /* clock ticks after boot: proc_pid_stat(5) */
	int64_t deadline_ns; /* CLOCK_REALTIME, for people */
	struct pids pids; /* owned; pending_release() */
	enum pending_state state;
};

void pending_release(struct pending *pending);

/* "waiting" */
const char *pending_state_name(enum pending_state state);

/* Whether its guard is alive, without whom nothing is taken back. */
bool pending_is_guarded(const struct pending *pending);

/* Writes the file of the state "waiting". Return: 0; -errno, with the path. */
int pending_write(const struct pending *pending, struct hf_diag *diag);

bool pending_is_there(const struct pending *pending);

/* Return: 0; -ENOENT somebody else was faster; -errno. */
int pending_change(struct pending *pending, enum pending_state state);
int pending_remove(const struct pending *pending);

/* Return: anything but 0 ends the walk. */
typedef int pending_visit_fn(void *context, struct pending *pending);

/* What is no such file is passed over. Return: 0; what @visit returned; -errno. */
int pending_each(pending_visit_fn *visit, void *context, struct hf_diag *diag);
