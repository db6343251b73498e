/*
 * What is shown as a function's old code is proven by the same check as before
 * an apply, or it is not shown.
 */
#include "old_code.h"

#include <errno.h>
#include <stdlib.h>

#include "../lib/cleanup.h"
#include "file_code.h"
#include "target.h"
#include "verify.h"

struct old_code {
	const struct patch_file *patch; /* borrowed */
	struct file_code *file;		/* or: */
	struct target target;
	struct process_code process;
	struct code_source source;
};
DEFINE_CLEANUP(struct old_code, old_code_close)

static int old_code_new(const struct patch_file *patch,
			struct old_code **ret_code, struct hf_diag *diag)
{
	struct old_code *code = calloc(1, sizeof(*code));

	if (!code)
		return hf_fail(diag, -ENOMEM, "cannot read the old code");
	code->patch = patch;
	*ret_code = code;
	return 0;
}

static int file_match(const struct file_code *file, const char *path,
		      const struct manifest_target *target,
		      struct hf_diag *diag)
{
	const struct build_id *found = file_code_build_id(file);
	char wanted[HEX_SIZE(BUILD_ID_SIZE_MAX)];
	char text[HEX_SIZE(BUILD_ID_SIZE_MAX)];

	if (build_id_equal(found, &target->build_id))
		return 0;
	hf_refuse(diag, "build-id-mismatch",
		  "%s is not the build of %s that the patch is for", path,
		  target->name);
	hf_detail(diag, "wanted: build-id %s",
		  build_id_format(&target->build_id, wanted));
	hf_detail(diag, "found: %s%s",
		  found->size ? "build-id " : "a file without a build-id",
		  found->size ? build_id_format(found, text) : "");
	return -ECANCELED;
}

int old_code_open_file(const char *path, const struct patch_file *patch,
		       struct old_code **ret_code, struct hf_diag *diag)
{
	owned(old_code_close_p) struct old_code *code = NULL;
	int r;

	r = old_code_new(patch, &code, diag);
	if (!r)
		r = file_code_open(path, &code->file, diag);
	if (!r)
		r = file_match(code->file, path, &patch->manifest->target,
			       diag);
	if (r)
		return r;
	file_code_source(code->file, &code->source);
	*ret_code = take_ptr(code);
	return 0;
}

bool old_code_is_for(const char *path, const struct patch_file *patch)
{
	owned(old_code_close_p) struct old_code *code = NULL;

	return !old_code_open_file(path, patch, &code, NULL);
}

bool old_code_is_for_any(const char *path, const struct patch_file *patch)
{
	for (size_t i = 0; i < patch_nr_parts(patch); i++)
		if (old_code_is_for(path, patch_part(patch, i)))
			return true;
	return false;
}

int old_code_open_process(pid_t pid, const struct patch_file *patch,
			  struct old_code **ret_code, struct hf_diag *diag)
{
	const struct manifest_target *wanted = &patch->manifest->target;
	owned(old_code_close_p) struct old_code *code = NULL;
	int r;

	r = old_code_new(patch, &code, diag);
	if (!r)
		r = target_open(pid, false, &code->target, diag);
	if (!r)
		r = modules_match(&code->target.modules, &wanted->build_id,
				  wanted->name, &code->process.module, diag);
	if (r)
		return r;
	code->process.target = &code->target;
	code_source_of_process(&code->process, &code->source);
	*ret_code = take_ptr(code);
	return 0;
}

int old_code_read(const struct old_code *code,
		  const struct manifest_function *function, uint8_t **ret_bytes,
		  struct hf_diag *diag)
{
	owned(free_p) uint8_t *bytes = NULL;
	struct site_plan plan;
	int r;

	r = verify_function(code->patch->arch, &code->source, function, &plan,
			    diag);
	if (r)
		return r;
	bytes = malloc(function->size);
	if (!bytes)
		return hf_fail(diag, -ENOMEM, "cannot read %s", function->name);
	r = code->source.read(&code->source, function->vaddr, bytes,
			      function->size);
	if (r)
		return hf_fail(diag, r, "cannot read %s", function->name);
	*ret_bytes = take_ptr(bytes);
	return 0;
}

void old_code_close(struct old_code *code)
{
	if (code->file)
		file_code_free(code->file);
	if (code->target.process)
		target_close(&code->target);
	free(code);
}
