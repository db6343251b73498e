/*
 * Registers that callers expect to survive a call.
 *
 * gcc -O2 (-fipa-ra) lets callers in the same file rely on what a function
 * really does: where the original writes only %eax, they may keep values in
 * %rcx or %xmm3 across the call. A replacement that writes them, or calls a
 * function that may, would corrupt its callers. Such a replacement is entered
 * through a few instructions of ours that save and restore them:
 *
 *	hotfix.entry.pick:  push %rcx; push %rdx        what the original
 *	                    call pick                   leaves alone and the
 *	                    pop %rdx; pop %rcx; ret     replacement does not
 *
 * Arguments on the stack are copied for it. Not needed where no direct call
 * stands in the same source file, nor for clang, which has no such option on.
 */
#pragma once

#include "build.h"
#include "registers.h"

/**
 * preserve_plan() - find the replacements that need it
 * @ret_object: of those entries, to be linked in; NULL when there is none.
 *              Owned by the caller.
 *
 * Return: 0; -ECANCELED (code "registers") when it would be needed and cannot
 * be done; -ENOMEM; -errno.
 */
int preserve_plan(struct build *build, const struct elf_file *linked,
		  char **ret_object, struct hf_diag *diag);

/* After the second link: entries call replacements and are where jumps go. */
int preserve_connect(struct build *build, struct elf_file *linked,
		     struct hf_diag *diag);
