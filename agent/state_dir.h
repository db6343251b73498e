/*
 * Where a host's state is kept: $HOTFIX_STATE_DIR, else /var/lib/hotfix for root, else
 * $XDG_STATE_HOME/hotfix or ~/.local/state/hotfix.
 *
 *   ledger.db       what was done (ledger.h)
 *   patches/SHA256  a copy of each patch file that was applied (patch_store.h)
 */
#pragma once

#include <limits.h>

#include "../lib/diag.h"

/* @name inside of it. Return: 0; -ENOENT: there is no place; -ENAMETOOLONG. */
int state_path(const char *name, char ret_path[PATH_MAX], struct hf_diag *diag);

/* Makes the directory @name inside of it, and it. Return: 0 with its path; -errno. */
int state_directory_in(const char *name, char ret_path[PATH_MAX],
		       struct hf_diag *diag);

/* With the directories above it; only for its owner. Return: 0; -errno. */
int state_directory_make(struct hf_diag *diag);
