/*
 * Taking an image out of a process after its functions lead elsewhere.
 *
 * It may be unmapped when nothing can come back into it: no thread refers to it
 * by any register or word of its stack, no word of writable memory points into
 * it, and the patch calls nothing that hands addresses to the kernel or hides
 * them (sigaction, atexit). Otherwise it stays, harmless and RETIRED, the
 * reason is told, and `hotfix recover` tries again. Into an image that is STAGED
 * nothing leads at all, unless its hook has run.
 */
#pragma once

#include "operation.h"
#include "target.h"

/**
 * retire_image() - unmap an image that is RETIRED or STAGED, if it is safe
 * @threads_free: a joint stop has just shown that no thread refers to it
 * @ret_reason:   why it had to stay; "" when it was unmapped
 *
 * Return: 0: unmapped; 1: it stays; -errno.
 */
int retire_image(struct target *target, const struct control *control,
		 bool threads_free, char *ret_reason, size_t reason_size,
		 struct hf_diag *diag);
