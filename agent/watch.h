/*
 * The watcher: applies the standing fixes to every process of their builds, those that
 * run and each that starts.
 *
 *   the kernel ---- exec, fork, exit ----> candidates ---- loaded? ----> apply
 *                                                                          |
 *   dies within ten seconds, twice: the fix is locked <----- observed -----+
 *
 * A process that starts is looked at until its loader is done, some milliseconds.
 */
#pragma once

#include <stdbool.h>

#include "output.h"
#include "proc_events.h"

struct watch_options {
	bool once; /* those that run now, and no more */
	bool json; /* a line for each event */
};

/**
 * watch_run() - until SIGTERM, SIGINT or SIGHUP
 * @events: borrowed; NULL: new processes are looked for
 *
 * Return: 0; -EBUSY another one watches; -errno.
 */
int watch_run(const struct watch_options *options, struct proc_events *events,
	      struct hf_diag *diag);
