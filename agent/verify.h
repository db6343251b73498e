/*
 * Proof that what runs is what the patch was built for: the bytes of every
 * function that is to be replaced, as they are in memory, have the SHA-256 that
 * was recorded at build time. Jumps of our own patches are seen through; any
 * other change is named.
 *
 * From the same bytes the site plan is made anew. The one in the manifest is
 * for people: a file cannot talk the agent into writing anywhere else.
 */
#pragma once

#include "../lib/patch_file.h"
#include "operation.h"
#include "target.h"

/* Where the bytes come from: a process, or a file. */
struct code_source {
	/* Reads as the module's own bytes, without our jumps. -EFAULT: not
	 * there. */
	int (*read)(const struct code_source *source, uint64_t vaddr,
		    void *bytes, size_t size);
	/* Describes what differs from the build, or leaves @text alone. */
	void (*describe)(const struct code_source *source, uint64_t vaddr,
			 const uint8_t *bytes, size_t size, char *text,
			 size_t text_size);
	const void *context;
	hf_addr bias; /* 0 for a file */
};

/* A function of the module that is loaded in a process. */
struct process_code {
	const struct target *target;
	const struct module *module;
};

void code_source_of_process(const struct process_code *code,
			    struct code_source *ret_source);

/**
 * verify_function() - is it what was built, and how can it be redirected
 *
 * Return: 0; -ECANCELED: "function-changed", "site-...", "plan-mismatch";
 * -ENOMEM.
 */
int verify_function(const struct arch *arch, const struct code_source *source,
		    const struct manifest_function *function,
		    struct site_plan *ret_plan, struct hf_diag *diag);

/* Whether the patch may be used in this mode at all. */
int verify_mode(const struct manifest_function *function,
		const struct site_plan *plan, enum switch_mode mode,
		struct hf_diag *diag);
