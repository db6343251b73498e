/*
 * The operator's own question whether the service is well: a shell command, which
 * says yes by its exit status 0.
 */
#pragma once

#include <stddef.h>

#include "../lib/diag.h"

/* It may take no longer. */
#define PROBE_LIMIT_MS 10000

/**
 * probe_run() - ask once
 * @command: for /bin/sh -c; runs in a process group of its own, without input, with
 *           our environment
 *
 * Return: 0; -ECANCELED (code "probe-failed"): what it answered, the end of what it
 * has said, or that it was ended after PROBE_LIMIT_MS; -errno.
 */
int probe_run(const char *command, struct hf_diag *diag);
