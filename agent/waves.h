/*
 * Waves: the processes of a service in growing shares, so that what a patch breaks
 * breaks in few of them.
 *
 *   --canary 1 --then 10%,50%,100%, of 40:   1, 4, 20, 40
 *
 * A share is of all of them, those before included, and rounded up.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "../lib/diag.h"

#define WAVES_MAX 16

struct share {
	size_t value; /* processes, or hundredths of all */
	bool percent;
};

struct wave_plan {
	struct share canary; /* value 0: none */
	struct share then[WAVES_MAX];
	size_t nr_then; /* 0: all that are left */
};

/* "3" or "10%", the first wave. Return: 0; -EINVAL with the reason. */
int waves_parse_canary(const char *text, struct wave_plan *plan,
		       struct hf_diag *diag);

/* "10%,50%,100%", those that follow. Return: as above. */
int waves_parse_then(const char *text, struct wave_plan *plan,
		     struct hf_diag *diag);

/**
 * waves_ends() - how many processes are patched after each wave
 * @nr_processes: 1 at least
 *
 * Shares that bring no further process make no wave; the last wave is all of them.
 *
 * Return: number of waves.
 */
size_t waves_ends(const struct wave_plan *plan, size_t nr_processes,
		  size_t ret_ends[WAVES_MAX + 2]);
