/*
 * Mapping an image into the target and taking it out again.
 *
 * One memfd holds all of it, control pages first. Bytes are written through
 * /proc/PID/fd/N while nothing is mapped; then all of it is mapped, private and
 * read-only, and what needs another protection is mapped over that; then the
 * descriptor is closed. No page is ever writable and executable. Where the target may not make a memfd
 * (seccomp, vm.memfd_noexec, no free descriptor), anonymous mappings with the
 * final protections are written through /proc/PID/mem instead and named with
 * PR_SET_VMA_ANON_NAME where the kernel has it.
 *
 * From the first mmap on there is a whole image in state STAGED: whatever is
 * interrupted later, there is a record of it. (Except anonymous memory that has
 * neither a name nor a byte in it yet. Nobody can tell whose that is; it stays,
 * and costs address space only.)
 */
#pragma once

#include "../lib/patch_file.h"
#include "remote.h"

struct image {
	hf_addr base;
	uint64_t control_size;
	uint64_t total_size;
	uint64_t gates_size; /* of its last bytes */
	uint8_t *bytes; /* total_size bytes, as they shall stand there */
	const struct patch_file *patch; /* protections; borrowed */
};

/**
 * image_map() - put an image into the target
 *
 * On failure nothing of it remains mapped and no descriptor is left open (if
 * the target lives and answers).
 *
 * Return: 0; -ENOMEM, -EEXIST... what the target's kernel said, in words;
 * -ESRCH.
 */
int image_map(struct remote *remote, const struct image *image,
	      struct hf_diag *diag);

/* Unmaps @range. Return: 0; -errno. */
int image_unmap(struct remote *remote, struct range range, struct hf_diag *diag);

/* Whether descriptors named "memfd:hotfix:" are open in the process. */
int image_leftovers_present(const struct process *process, bool *ret_present,
			    struct hf_diag *diag);

/* Closes descriptors named "memfd:hotfix:" that a dead agent left open. */
int image_close_leftovers(struct remote *remote, size_t *ret_nr_closed,
			  struct hf_diag *diag);
