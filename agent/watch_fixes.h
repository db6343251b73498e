/*
 * The standing fixes as the watcher has them. Their patches are read once, to know
 * what they are for; what is applied is read, and checked, each time, because a
 * policy may have changed since.
 */
#pragma once

#include "policies.h"
#include "standing.h"

/* Deaths of patched processes that lock a fix, within WATCH_DEATHS_NS. */
#define WATCH_DEATHS_MAX 2
#define WATCH_DEATHS_NS UINT64_C(3600000000000)
/* A process that dies so soon has died of it. */
#define WATCH_DEATH_NS UINT64_C(10000000000)

struct watch_fix {
	struct standing standing;
	struct patch_file *patch; /* what it is for; NULL: cannot be had */
	unsigned int nr_deaths;
	uint64_t first_death_ns; /* monotonic */
};

struct watch_fixes {
	struct watch_fix *all;
	size_t nr;
	uint64_t version;
};

/* Said about a fix that cannot be applied, and why. */
typedef void watch_tell_fn(void *context, const struct standing *standing,
			   int error, const struct hf_diag *diag);

/**
 * watch_fixes_refresh() - read what has changed since
 *
 * Fixes that stay keep their deaths.
 *
 * Return: 1 something has changed; 0; -errno.
 */
int watch_fixes_refresh(struct watch_fixes *fixes, watch_tell_fn *tell,
			void *context, struct hf_diag *diag);
void watch_fixes_release(struct watch_fixes *fixes);

/**
 * watch_fix_load() - the patch as it may be applied now
 * @ret_policies, @ret_patch: to be released in success
 *
 * Return: 0; what policies_load() and patch_load() return.
 */
int watch_fix_load(const struct watch_fix *fix, struct policies *ret_policies,
		   struct patch_file **ret_patch, struct hf_diag *diag);

/* Whether it is to be applied to new processes. */
bool watch_fix_works(const struct watch_fix *fix);

/* A process has died of it. Return: whether it is locked now. */
bool watch_fix_died(struct watch_fix *fix, const char *how);
