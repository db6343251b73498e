/*
 * The agent's own linker: imports resolved, relocations applied, all in our
 * own memory before anything is mapped in the target.
 */
#pragma once

#include "../lib/patch_file.h"
#include "module.h"

/* Runs an IFUNC resolver in the target; only used when no slot is bound. */
typedef int (*ifunc_resolver)(void *context, hf_addr resolver,
			      hf_addr *ret_address, struct hf_diag *diag);

struct link_target {
	const struct process *process;
	const struct modules *modules;
	const struct module *module; /* the one that the patch is for */
	ifunc_resolver resolve_ifunc; /* NULL: refuse where one is needed */
	void *resolve_context;
};

struct link_values {
	uint64_t *values; /* one per import: an address, a TLS offset or number */
	size_t nr;
};

/**
 * link_resolve() - what every import of a patch stands for in this process
 *
 * Return: 0; -ECANCELED: "symbol-missing" with library and version looked for,
 * "tls-unavailable", "ifunc-unresolved"; -ESRCH; -ENOMEM.
 */
int link_resolve(const struct patch_file *patch,
		 const struct link_target *target, struct link_values *ret_values,
		 struct hf_diag *diag);
void link_values_release(struct link_values *values);

/*
 * Where the image must end: code that was compiled for a fixed address holds
 * addresses in 32 bits, some zero-, some sign-extended. UINT64_MAX: anywhere.
 */
hf_addr link_highest_end(const struct patch_file *patch);

/**
 * link_relocate() - the patch's image as it will stand at @base
 * @image: patch->image_size bytes, filled by this function
 *
 * Pure: reads only @patch and @values.
 *
 * Return: 0; -ECANCELED (code "out-of-reach") when a 32-bit relocation does not
 * reach.
 */
int link_relocate(const struct patch_file *patch,
		  const struct link_values *values, hf_addr base,
		  uint8_t *image, struct hf_diag *diag);
