#include "status_gdb.h"

#include <inttypes.h>

#include "patch_store.h"
#include "survey.h"

/* The patch file's address 0 stands behind the control pages. */
static void image_tell(const struct control *control, struct output *output)
{
	const struct control_block *block = &control->block;
	char path[PATH_MAX];

	if (control->damaged || block->state != CONTROL_ACTIVE) {
		output_print(output, "# %s: not active\n",
			     *block->name ? block->name : "(damaged)");
		return;
	}
	if (patch_store_find(block->digest, path)) {
		output_print(output, "# %s: the ledger has no copy of its file, "
			     "or it is one part of several\n", block->name);
		return;
	}
	output_print(output, "# %s\nadd-symbol-file %s -o 0x%" PRIx64
		     "\n", block->name, path,
		     block->base + block->control_size);
}

enum hf_exit status_gdb(const struct pids *pids, struct output *output)
{
	owned(survey_release_p) struct survey survey = { 0 };
	struct hf_diag diag = { 0 };
	int r;

	r = survey_read(pids->entries[0], &survey, &diag);
	if (r)
		return output_failure(output, &diag, diag_exit_status(r));
	for (size_t i = 0; i < survey.target.controls.nr; i++)
		image_tell(&survey.target.controls.entries[i], output);
	return HF_EXIT_DONE;
}
