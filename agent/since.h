/*
 * A point in time as an operator types it.
 */
#pragma once

#include <stdint.h>

#include "../lib/diag.h"

/**
 * since_parse() - "90d", "12h", "30m", "45s" before now, or a local time:
 * "2026-11-23", "2026-11-23T21:30", "2026-11-23T21:30:15"
 * @ret_ns: CLOCK_REALTIME
 *
 * Return: 0; -EINVAL with the reason.
 */
int since_parse(const char *text, int64_t *ret_ns, struct hf_diag *diag);
