/*
 * A patch file that is to run in processes: from nobody else's hands, read once,
 * and only that copy is worked on.
 */
#pragma once

#include "../lib/patch_file.h"
#include "policies.h"

/**
 * patch_load() - read a patch file that may be applied
 * @ret_patch: owned by the caller; release with patch_file_free()
 *
 * Return: 0; -ECANCELED others may write it (code "untrusted-file"), its
 * signature is wrong or missing, or what patch_file_parse() refuses; -EBADMSG;
 * -errno.
 */
int patch_load(const char *path, const struct policies *policies,
	       struct signature_report *ret_signature,
	       struct patch_file **ret_patch, struct hf_diag *diag);
