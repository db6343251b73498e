/*
 * Watching patched processes: whether they live, what they and their children use
 * and how they end, and what the operator's probe says. Nothing of it touches them.
 *
 *   new     who they are, before anything is done to them
 *   normal  what they use when nothing is wrong
 *   patched from here on one of them is looked at
 *   watch   for some time, all that are patched
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "../lib/cleanup.h"
#include "proc_events.h"
#include "limits.h"
#include "pids.h"

/* So long it is measured what is normal. */
#define OBSERVE_NORMAL_NS UINT64_C(2000000000)

struct observer;

struct observe_request {
	struct limits limits;
	const char *probe; /* a shell command, or NULL; borrowed */
	struct proc_events *events; /* borrowed; NULL: how children end is not seen */
	/* Asked all the time: end it? NULL: never. */
	bool (*give_up)(void);
};

/**
 * observer_new() - get hold of processes
 * @pids: copied
 *
 * One that is gone already counts as ended when it is patched nevertheless.
 *
 * Return: 0; -ENOMEM. Owned by the caller; observer_free().
 */
int observer_new(const struct pids *pids, const struct observe_request *request,
		 struct observer **ret_observer, struct hf_diag *diag);
void observer_free(struct observer *observer);
DEFINE_CLEANUP(struct observer, observer_free)

/* Takes OBSERVE_NORMAL_NS. Return: 0; -EINTR. */
int observer_measure_normal(struct observer *observer);

void observer_patched(struct observer *observer, pid_t pid);

/**
 * observer_watch() - for @duration_ns, all that are patched
 *
 * The probe is asked at least once, then once a second.
 *
 * Return: 0 all is well; -ECANCELED (code "process-ended", "probe-failed",
 * "error-exits", "cpu-rose", "memory-rose"): what is not; -EINTR to be ended;
 * -errno of the probe.
 */
int observer_watch(struct observer *observer, uint64_t duration_ns,
		   struct hf_diag *diag);
