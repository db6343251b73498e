/*
 * Bringing an image into a process and out again, outside any joint stop: one
 * thread is borrowed for the system calls, the others run.
 */
#pragma once

#include "../lib/patch_file.h"
#include "image.h"
#include "link.h"
#include "operation.h"
#include "target.h"

/* Where a patch will stand and what it will consist of. */
struct staging {
	const struct patch_file *patch;
	const struct module *module;	/* of target->modules */
	struct control_site *sites;	/* owned */
	size_t nr_sites;
	struct control_range *ranges;	/* owned */
	size_t nr_ranges;
	hf_addr base;
	uint64_t total_size;
	struct link_values values;	/* owned; of the imports */
};

/**
 * staging_plan() - verify everything and lay out the image; touches nothing
 * @mode: entry mode is refused for functions that jump back to their entry
 *
 * Return: 0; -ECANCELED with the reason; -errno. Release in both cases.
 */
int staging_plan(const struct target *target, const struct patch_file *patch,
		 enum switch_mode mode, struct staging *ret_staging,
		 struct hf_diag *diag);
void staging_release(struct staging *staging);

/**
 * staging_resolve() - find out what every import stands for
 * @touch: run the resolver of an IFUNC that no slot is bound to yet, on a
 *         borrowed thread; otherwise such an import is taken on trust
 *
 * Return: 0; -ECANCELED; -errno.
 */
int staging_resolve(const struct target *target, struct staging *staging,
		    bool touch, struct hf_diag *diag);

/**
 * staging_map() - put the resolved image into the target, in state STAGED
 *
 * On success the target must be looked at again (target_refresh()).
 */
int staging_map(const struct target *target, const struct staging *staging,
		enum switch_mode mode, struct hf_diag *diag);

/* Unmaps an image that no code leads to. Return: 0; -errno. */
int staging_unmap(const struct process *process, struct range range,
		  struct hf_diag *diag);
