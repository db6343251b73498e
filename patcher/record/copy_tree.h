/*
 * Copies of whole trees that make(1) and compilers cannot tell from the
 * original: contents, modes, times to the nanosecond, symbolic links, and hard
 * links among the files. Where the file system can share blocks, nothing is
 * copied but names.
 *
 * Sockets, FIFOs and devices are left out: no source has them.
 */
#pragma once

#include "../../lib/diag.h"

/**
 * tree_copy() - make @to, which must not be there, a copy of @from
 *
 * Room is looked for before. On failure what was copied is left, for
 * tree_remove().
 *
 * Return: 0; -ENOSPC; -EACCES and the like for what cannot be read; -ENOMEM;
 * -EINTR; -errno.
 */
int tree_copy(const char *from, const char *to, struct hf_diag *diag);

/* Remove a tree, also directories without write permission. No tree is no
   failure. Return: 0; -errno. */
int tree_remove(const char *path, struct hf_diag *diag);
