/*
 * See patch_load.h. `hotfix show` and `hotfix revert` take a patch file for what
 * it says and its name only: they may read any.
 */
#include "patch_load.h"

#include "../lib/cleanup.h"
#include "trusted_file.h"

int patch_load(const char *path, const struct policies *policies,
	       struct signature_report *ret_signature,
	       struct patch_file **ret_patch, struct hf_diag *diag)
{
	owned(buffer_release) struct buffer bytes = { 0 };
	int r;

	r = trusted_file_read(path, "patch", false, PATCH_FILE_SIZE_MAX, &bytes,
			      diag);
	if (!r)
		r = policies_check_signature(policies, path, bytes.data,
					     bytes.size, ret_signature, diag);
	if (r)
		return r;
	return patch_file_parse(&bytes, path, ret_patch, diag);
}
