#include "publish.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "../lib/patch_file.h"
#include "array.h"

static int check(const char *path, struct hf_diag *diag)
{
	struct patch_file *patch;
	int r = patch_file_open(path, &patch, diag);

	if (r)
		return hf_context(diag, r, "the result is no good patch file");
	patch_file_free(patch);
	return 0;
}

int publish_patch(const struct elf_file *file, const struct tail *tail,
		  const char *path, struct hf_diag *diag)
{
	owned(free_p) char *temporary = text_format("%s.tmp", path);
	int r;

	if (!temporary)
		return hf_fail(diag, -ENOMEM, "cannot write %s", path);
	r = elf_save(file, temporary, tail->data, tail->size, 0644, diag);
	if (!r)
		r = check(temporary, diag);
	if (!r && rename(temporary, path) < 0)
		r = hf_fail(diag, -errno, "cannot write %s", path);
	if (r)
		unlink(temporary);
	return r;
}
