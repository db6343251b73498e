/*
 * What apply is told about many processes: rollout.h does it.
 */
#pragma once

#include <stdbool.h>

#include "limits.h"
#include "waves.h"

struct rollout_options {
	struct wave_plan waves;
	uint64_t observe_ns; /* after each wave; 0: only what can be seen at once */
	const char *probe;   /* a shell command, or NULL */
	struct limits limits;
	uint64_t confirm_within_ns; /* 0: needs no confirmation */
	bool atomic; /* all processes or none */
};
