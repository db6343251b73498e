/*
 * By how much a patched process may get worse before everything is taken back.
 */
#pragma once

#include <stdint.h>

#include "../lib/diag.h"

#define LIMIT_OFF UINT64_MAX

struct limits {
	uint64_t exits;	   /* errors of its children, more than were usual */
	uint64_t cpu;	   /* hundredths of a processor, more than it used */
	uint64_t memory; /* hundredths of what was resident, more than that */
};

/* A child that dies now and then, one more processor, twice the memory. */
#define LIMITS_DEFAULT { .exits = 3, .cpu = 100, .memory = 100 }

/* "exits=0,cpu=50%,memory=off": what is not named stays. Return: 0; -EINVAL. */
int limits_parse(const char *text, struct limits *limits, struct hf_diag *diag);
