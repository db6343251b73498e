/*
 * hotfix show: what a patch file is. The new code is in the file; the old code
 * comes from the program (--target) or from a process that runs it (-p), and
 * is shown only when its digest is the one that the patch was made for.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "../lib/build_id.h"
#include "cmd.h"
#include "listing.h"
#include "old_code.h"
#include "patch_listing.h"

struct show {
	struct output *output;
	const struct patch_file *patch;
	struct old_code *old; /* NULL: not at hand */
	enum hf_exit status;
};

static const char *import_kind_name(enum import_kind kind)
{
	switch (kind) {
	case IMPORT_FUNCTION:
		return "function";
	case IMPORT_OBJECT:
		return "variable";
	case IMPORT_IFUNC:
		return "ifunc";
	case IMPORT_TLS:
		break;
	}
	return "thread-local";
}

static const char *target_kind_name(enum target_kind kind)
{
	return kind == TARGET_LIBRARY ? "library" : "executable";
}

static void field_print(struct output *output, const char *name,
			const char *value)
{
	if (value)
		output_print(output, "%-10s %s\n", name, value);
}

static void diffs_print(struct output *output, const struct manifest *manifest)
{
	char digest[HEX_SIZE(SHA256_SIZE)];

	for (size_t i = 0; i < manifest->nr_diffs; i++) {
		hex_encode(manifest->diffs[i].sha256, SHA256_SIZE, digest);
		output_print(output, "%-10s %s, sha256 %s\n", "diff",
			     manifest->diffs[i].name, digest);
	}
	field_print(output, "built by", manifest->build_command);
}

static void head_print(struct show *show)
{
	const struct manifest *manifest = show->patch->manifest;
	struct output *output = show->output;
	char id[HEX_SIZE(BUILD_ID_SIZE_MAX)], digest[HEX_SIZE(SHA256_SIZE)];

	hex_encode(show->patch->digest, SHA256_SIZE, digest);
	field_print(output, "patch", manifest->name);
	field_print(output, "reason", manifest->reason);
	field_print(output, "ticket", manifest->ticket);
	field_print(output, "author", manifest->author);
	field_print(output, "created", manifest->created);
	output_print(output, "%-10s %s, %s, %s\n", "target",
		     manifest->target.name,
		     target_kind_name(manifest->target.kind),
		     show->patch->arch->name);
	field_print(output, "build-id",
		    build_id_format(&manifest->target.build_id, id));
	field_print(output, "tool", manifest->tool);
	field_print(output, "compiler", manifest->compiler);
	field_print(output, "flags", manifest->flags);
	diffs_print(output, manifest);
	field_print(output, "sha256", digest);
	output_print(output, "%-10s %" PRIu64 " bytes in memory\n", "size",
		     show->patch->image_size);
}

static json_t *diffs_json(const struct manifest *manifest)
{
	char digest[HEX_SIZE(SHA256_SIZE)];
	json_t *diffs = json_array();

	for (size_t i = 0; i < manifest->nr_diffs; i++) {
		json_t *diff = json_object();

		hex_encode(manifest->diffs[i].sha256, SHA256_SIZE, digest);
		json_put(diff, "name", json_text(manifest->diffs[i].name));
		json_put(diff, "sha256", json_text(digest));
		json_add(diffs, diff);
	}
	return diffs;
}

static void head_json(struct show *show)
{
	const struct manifest *manifest = show->patch->manifest;
	json_t *root = show->output->root, *target = json_object();
	char id[HEX_SIZE(BUILD_ID_SIZE_MAX)], digest[HEX_SIZE(SHA256_SIZE)];

	hex_encode(show->patch->digest, SHA256_SIZE, digest);
	json_put(root, "patch", json_text(manifest->name));
	json_put(root, "reason", json_text(manifest->reason));
	json_put(root, "ticket", json_text(manifest->ticket));
	json_put(root, "author", json_text(manifest->author));
	json_put(root, "created", json_text(manifest->created));
	json_put(target, "name", json_text(manifest->target.name));
	json_put(target, "kind",
		 json_text(target_kind_name(manifest->target.kind)));
	json_put(target, "build_id",
		 json_text(build_id_format(&manifest->target.build_id, id)));
	json_put(target, "machine", json_text(show->patch->arch->name));
	json_put(root, "target", target);
	json_put(root, "tool", json_text(manifest->tool));
	json_put(root, "compiler", json_text(manifest->compiler));
	json_put(root, "flags", json_text(manifest->flags));
	if (manifest->nr_diffs)
		json_put(root, "diffs", diffs_json(manifest));
	json_put(root, "build_command", json_text(manifest->build_command));
	json_put(root, "digest", json_text(digest));
	json_put(root, "image_size",
		 json_integer((json_int_t)show->patch->image_size));
}

static void import_print(struct output *output,
			 const struct manifest_import *import)
{
	output_print(output, "  %-12s %s", import_kind_name(import->kind),
		     import->name);
	if (import->in_module && import->kind != IMPORT_TLS)
		output_print(output, "  at 0x%" PRIx64 " of the target",
			     import->vaddr);
	else if (import->in_module)
		output_print(output, "  of the target");
	if (import->source)
		output_print(output, " (%s)", import->source);
	if (import->version)
		output_print(output, "  version %s", import->version);
	if (import->library)
		output_print(output, "  of %s", import->library);
	output_print(output, "\n");
}

static void imports_print(struct show *show)
{
	const struct manifest *manifest = show->patch->manifest;
	struct output *output = show->output;

	if (manifest->nr_imports)
		output_print(output, "\nuses of the running program\n");
	for (size_t i = 0; i < manifest->nr_imports; i++)
		import_print(output, &manifest->imports[i]);
	for (size_t i = 0; i < NR_HOOKS; i++)
		if (manifest->hooks[i].symbol)
			output_print(output, "\nhook %s: %s\n",
				     hook_kind_name((enum hook_kind)i),
				     manifest->hooks[i].symbol);
	if (manifest->nr_proof)
		output_print(output, "\nproved when it was built\n");
	for (size_t i = 0; i < manifest->nr_proof; i++)
		output_print(output, "  %s\n", manifest->proof[i]);
	if (manifest->nr_overrides)
		output_print(output, "\naccepted by its author, against advice\n");
	for (size_t i = 0; i < manifest->nr_overrides; i++)
		output_print(output, "  %s\n", manifest->overrides[i]);
}

static json_t *import_json(const struct manifest_import *from)
{
	json_t *import = json_object();

	json_put(import, "kind", json_text(import_kind_name(from->kind)));
	json_put(import, "name", json_text(from->name));
	json_put(import, "in_target", json_boolean(from->in_module));
	if (from->in_module)
		json_put(import, "vaddr", json_address(from->vaddr));
	json_put(import, "source", json_text(from->source));
	json_put(import, "version", json_text(from->version));
	json_put(import, "library", json_text(from->library));
	return import;
}

static void imports_json(struct show *show)
{
	const struct manifest *manifest = show->patch->manifest;
	json_t *imports = json_array(), *hooks = json_object();

	for (size_t i = 0; i < manifest->nr_imports; i++)
		json_add(imports, import_json(&manifest->imports[i]));
	for (size_t i = 0; i < NR_HOOKS; i++)
		if (manifest->hooks[i].symbol)
			json_put(hooks, hook_kind_name((enum hook_kind)i),
				 json_text(manifest->hooks[i].symbol));
	json_put(show->output->root, "imports", imports);
	json_put(show->output->root, "hooks", hooks);
	json_put(show->output->root, "proof",
		 json_texts(manifest->proof, manifest->nr_proof));
	json_put(show->output->root, "overrides",
		 json_texts(manifest->overrides, manifest->nr_overrides));
}

static int old_listing(const struct show *show,
		       const struct manifest_function *function,
		       struct listing *ret_listing, struct hf_diag *diag)
{
	if (!show->old)
		return 0;
	return old_listing_make(show->old, show->patch, function, ret_listing,
				diag);
}

/* Whether the source that the fix was made for is what runs. */
static void identity_print(struct output *output,
			   const struct manifest_function *function)
{
	switch (function->identity) {
	case IDENTITY_NOT_COMPARED:
		break;
	case IDENTITY_PROVEN:
		output_print(output,
			     "  rebuilt from source it is what the target "
			     "runs: %" PRIu32 " instructions and %" PRIu32
			     " references compared\n",
			     function->identity_instructions,
			     function->identity_references);
		break;
	case IDENTITY_UNPROVEN:
		output_print(output,
			     "  NOT PROVEN: rebuilt from source it differs from "
			     "what the target runs%s%s\n",
			     function->difference ? ": " : "",
			     function->difference ?: "");
		break;
	}
}

static void identity_json(json_t *object,
			  const struct manifest_function *function)
{
	json_t *identity;

	if (function->identity == IDENTITY_NOT_COMPARED)
		return;
	identity = json_object();
	json_put(identity, "proven",
		 json_boolean(function->identity == IDENTITY_PROVEN));
	json_put(identity, "instructions",
		 json_integer(function->identity_instructions));
	json_put(identity, "references",
		 json_integer(function->identity_references));
	json_put(identity, "difference", json_text(function->difference));
	json_put(object, "identity", identity);
}

static void function_print(struct show *show,
			   const struct manifest_function *function,
			   const struct listing *old, const struct listing *new)
{
	struct output *output = show->output;

	output_print(output, "\n%s", function->name);
	if (function->source)
		output_print(output, " (%s)", function->source);
	output_print(output,
		     ": %" PRIu64 " bytes at 0x%" PRIx64 " -> %s, %" PRIu64
		     " bytes, by %s of %u bytes\n",
		     function->size, function->vaddr, function->replacement,
		     function->replacement_size,
		     site_strategy_name(function->plan.strategy),
		     function->plan.size);
	for (size_t i = 0; i < function->nr_parts; i++)
		output_print(output,
			     "  its part %s: %" PRIu64 " bytes at 0x%" PRIx64
			     "\n",
			     function->parts[i].name, function->parts[i].size,
			     function->parts[i].vaddr);
	if (function->calls_original)
		output_print(output, "  calls the original\n");
	if (function->why)
		output_print(output, "  changed: %s\n", function->why);
	identity_print(output, function);
	listings_print(old, new, output);
}

static void function_json(struct show *show,
			  const struct manifest_function *function,
			  const struct listing *old, const struct listing *new)
{
	json_t *object = json_object();
	char digest[HEX_SIZE(SHA256_SIZE)];

	hex_encode(function->sha256, SHA256_SIZE, digest);
	json_put(object, "name", json_text(function->name));
	json_put(object, "source", json_text(function->source));
	json_put(object, "vaddr", json_address(function->vaddr));
	json_put(object, "size", json_integer((json_int_t)function->size));
	json_put(object, "sha256", json_text(digest));
	json_put(object, "strategy",
		 json_text(site_strategy_name(function->plan.strategy)));
	json_put(object, "replacement", json_text(function->replacement));
	json_put(object, "replacement_size",
		 json_integer((json_int_t)function->replacement_size));
	json_put(object, "calls_original",
		 json_boolean(function->calls_original));
	json_put(object, "why", json_text(function->why));
	identity_json(object, function);
	json_put(object, "old", old->nr ? listing_json(old) : json_null());
	json_put(object, "new", listing_json(new));
	json_add(json_array_of(show->output->root, "functions"), object);
}

/* The first failure is the one that JSON reports; people see every one. */
static void function_fail(struct show *show, int error,
			  const struct hf_diag *diag)
{
	json_t *root = show->output->root;

	output_error(show->output, NULL, diag);
	if (show->output->json && !json_object_get(root, "error"))
		json_put(root, "error", json_error(diag));
	if (!show->status)
		show->status = diag_exit_status(error);
}

/* A function whose old code is another still has its new code shown. */
static void function_show(struct show *show,
			  const struct manifest_function *function)
{
	struct listing old = { 0 }, new = { 0 };
	struct hf_diag diag = { 0 };
	int r;

	r = old_listing(show, function, &old, &diag);
	if (r)
		function_fail(show, r, &diag);
	r = patch_listing_make(show->patch, function, &new, &diag);
	if (r)
		function_fail(show, r, &diag);
	else if (show->output->json)
		function_json(show, function, &old, &new);
	else
		function_print(show, function, &old, &new);
	listing_release(&old);
	listing_release(&new);
}

static void patch_show(struct show *show)
{
	const struct manifest *manifest = show->patch->manifest;

	if (show->output->json) {
		head_json(show);
		imports_json(show);
		json_array_of(show->output->root, "functions");
	} else {
		head_print(show);
		imports_print(show);
	}
	for (size_t i = 0; i < manifest->nr_functions; i++)
		function_show(show, &manifest->functions[i]);
	if (!show->old)
		output_print(
			show->output,
			"\nOnly the new code is in the patch file; the old "
			"one is shown beside it with\n--target BIN or "
			"-p PID.\n");
}

/* Another module's part: in JSON an object like the whole one. */
static void other_part_show(struct show *show)
{
	struct output *output = show->output;
	json_t *whole = output->root;

	output_print(output, "\n--- and for %s, switched together ---\n\n",
		     show->patch->manifest->target.name);
	if (!output->json) {
		patch_show(show);
		return;
	}
	output->root = json_object();
	patch_show(show);
	json_add(json_array_of(whole, "parts"), output->root);
	output->root = whole;
}

static int old_open(struct show *show, const struct command_line *line,
		    struct hf_diag *diag)
{
	if (line->target)
		return old_code_open_file(line->target, show->patch, &show->old,
					  diag);
	if (line->pids.nr)
		return old_code_open_process(line->pids.entries[0], show->patch,
					     &show->old, diag);
	return 0;
}

/* --target names one file: the old code of other parts is not at hand. */
static bool has_old_code(const struct command_line *line,
			 const struct patch_file *whole, size_t index)
{
	const struct patch_file *part = patch_part(whole, index);

	if (!line->target || patch_nr_parts(whole) == 1)
		return true;
	/* Of a file that is for no part, the first one says why. */
	return old_code_is_for(line->target, part) ||
	       (!index && !old_code_is_for_any(line->target, whole));
}

static int part_show(struct show *show, const struct command_line *line,
		     const struct patch_file *whole, size_t index,
		     struct hf_diag *diag)
{
	int r = 0;

	show->patch = patch_part(whole, index);
	show->old = NULL;
	if (has_old_code(line, whole, index))
		r = old_open(show, line, diag);
	if (!r && index)
		other_part_show(show);
	else if (!r)
		patch_show(show);
	if (show->old)
		old_code_close(show->old);
	return r;
}

static enum hf_exit show_run(const struct command_line *line,
			     struct output *output)
{
	struct show show = { .output = output };
	struct patch_file *patch;
	struct hf_diag diag = { 0 };
	int r;

	r = patch_file_open(line->arguments[0], &patch, &diag);
	if (r)
		return output_failure(output, &diag, diag_exit_status(r));
	for (size_t i = 0; i < patch_nr_parts(patch) && !r; i++)
		r = part_show(&show, line, patch, i, &diag);
	if (r)
		show.status =
			output_failure(output, &diag, diag_exit_status(r));
	patch_file_free(patch);
	return show.status;
}

static int show_check(const struct command_line *line, struct hf_diag *diag)
{
	if (line->pids.nr > 1)
		return hf_error(diag, -EINVAL, "usage",
				"one process is enough to take the old code "
				"from");
	if (line->pids.nr && line->target)
		return hf_error(diag, -EINVAL, "usage",
				"-p and --target exclude each other");
	return 0;
}

static const char *const synopsis[] = {
	"FIX [--target BIN | -p PID] [--json]",
	NULL,
};

const struct command command_show = {
	.name = "show",
	.summary = "what a patch file holds",
	.synopsis = synopsis,
	.description =
		"Shows what a patch file says about itself: its purpose and "
		"origin, what it uses of\nthe running program, what was proved "
		"when it was built, and its code, beside the\nold code if that "
		"is at hand.\n",
	.examples = "  hotfix show fix-charge.hotfix.so --target "
		    "/usr/sbin/checkout\n",
	.options = OPTION_PID | OPTION_TARGET,
	.argument = "the patch file (FIX)",
	.min_arguments = 1,
	.max_arguments = 1,
	.list = "functions",
	.check = show_check,
	.run = show_run,
};
