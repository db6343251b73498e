#include "build.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>
#include <time.h>

#include "../lib/digest.h"
#include "../lib/insn.h"
#include "compile.h"
#include "diff/diff.h"
#include "diff/rebuild.h"
#include "diff/target_index.h"
#include "duplicates.h"
#include "emit.h"
#include "inlines.h"
#include "lines.h"
#include "link.h"
#include "original.h"
#include "preserve.h"
#include "purity.h"
#include "record/copy_tree.h"
#include "replaced.h"
#include "resolve.h"
#include "types_check.h"
#include "unwound.h"

int build_prove(struct build *build, const char *format, ...)
{
	struct manifest *manifest = build->manifest;
	char **line = array_append(manifest->proof, manifest->nr_proof);
	va_list arguments;
	int r;

	if (!line)
		return -ENOMEM;
	va_start(arguments, format);
	r = vasprintf(line, format, arguments);
	va_end(arguments);
	if (r >= 0)
		return 0;
	*line = NULL;
	manifest->nr_proof--;
	return -ENOMEM;
}

const struct replacement *build_replacement_at(const struct build *build,
					       uint64_t vaddr)
{
	for (size_t i = 0; i < build->nr_replacements; i++)
		if (build->replacements[i].old->vaddr == vaddr)
			return &build->replacements[i];
	return NULL;
}

/* ---- the manifest ------------------------------------------------------- */

/* "fix-7" of "out/fix-7.hotfix.so". */
static char *name_of_output(const char *output)
{
	const char *slash = strrchr(output, '/');
	const char *name = slash ? slash + 1 : output;
	const char *end = strstr(name, ".hotfix.so");

	if (!end)
		end = strstr(name, ".so");
	return strndup(name, end ? (size_t)(end - name) : strlen(name));
}

char *build_name(const struct options *options)
{
	return options->name ? strdup(options->name) :
			       name_of_output(options->output);
}

static char *now_text(void)
{
	time_t now = time(NULL);
	struct tm parts;
	char text[32];

	gmtime_r(&now, &parts);
	strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &parts);
	return strdup(text);
}

static int copy_text(char **to, const char *from)
{
	if (!from)
		return 0;
	*to = strdup(from);
	return *to ? 0 : -ENOMEM;
}

static int fill_manifest(struct manifest *manifest,
			 const struct options *options,
			 const struct target *target)
{
	manifest->name = build_name(options);
	manifest->created = now_text();
	manifest->tool = strdup("hotfix-build " HOTFIX_VERSION);
	manifest->target.name = strdup(target->name);
	manifest->target.kind = target->kind;
	manifest->target.build_id = target->build_id;
	manifest->target.machine = target->arch->e_machine;
	if (!manifest->name || !manifest->created || !manifest->tool ||
	    !manifest->target.name)
		return -ENOMEM;
	return copy_text(&manifest->reason, options->reason) ?:
		       copy_text(&manifest->ticket, options->ticket) ?:
		       copy_text(&manifest->author, options->author);
}

static int start_manifest(struct build *build, struct hf_diag *diag)
{
	const struct options *options = build->options;

	build->manifest = calloc(1, sizeof(*build->manifest));
	if (!build->manifest ||
	    fill_manifest(build->manifest, options, build->target))
		return hf_fail(diag, -ENOMEM, "cannot start the manifest");
	if (manifest_name_valid(build->manifest->name))
		return 0;
	hf_error(diag, -EINVAL, "name-invalid",
		 "\"%s\" cannot be the name of a patch",
		 build->manifest->name);
	hf_hint(diag, "give one with --name: letters, digits, '.', '_', '-', "
		      "at most %d characters",
		MANIFEST_NAME_MAX);
	return -EINVAL;
}

static int prove_bytes(struct build *build, struct hf_diag *diag)
{
	for (size_t i = 0; i < build->manifest->nr_functions; i++) {
		const struct manifest_function *function =
			&build->manifest->functions[i];
		char digest[HEX_SIZE(SHA256_SIZE)];

		hex_encode(function->sha256, SHA256_SIZE, digest);
		if (build_prove(build,
				"%s(): %lu bytes at %#lx, sha256 %s",
				function->name, function->size,
				function->vaddr, digest))
			return hf_fail(diag, -ENOMEM, "cannot add a proof");
	}
	return 0;
}

/* ---- the steps ---------------------------------------------------------- */

char *build_make_directory(struct hf_diag *diag)
{
	const char *parent = getenv("TMPDIR");
	owned(free_p) char *path = text_format("%s/hotfix-build.XXXXXX",
					       parent && *parent ? parent :
								   "/tmp");
	int error;

	if (!path) {
		errno = ENOMEM;
		hf_fail(diag, -ENOMEM, "cannot make a directory");
		return NULL;
	}
	if (mkdtemp(path))
		return take_ptr(path);
	error = errno;
	hf_fail(diag, -error, "cannot make the directory %s", path);
	errno = error;
	return NULL;
}

static int make_directory(struct build *build, struct hf_diag *diag)
{
	build->directory = build_make_directory(diag);
	if (!build->directory)
		return -errno;
	build->linked = text_format("%s/linked.so", build->directory);
	return build->linked ? 0 : hf_fail(diag, -ENOMEM, "cannot link");
}

int build_open_target(struct build *build, struct hf_diag *diag)
{
	const struct options *options = build->options;
	int r = target_open(options->target, &build->target, diag);

	if (!r)
		r = debuginfo_open(build->target, options, &build->debuginfo,
				   diag);
	if (!r)
		r = symbols_read(build->target, build->debuginfo,
				 &build->symbols, diag);
	if (!r)
		r = libraries_open(build->target, options->sysroot,
				   &build->libraries, diag);
	if (!r)
		r = insn_decoder_new(build->target->arch, &build->decoder,
				     diag);
	return r ?: target_index_new(&build->index, diag);
}

static int save_objects(struct build *build, struct hf_diag *diag)
{
	int r = 0;

	for (size_t i = 0; i < build->nr_objects && !r; i++)
		r = object_save(&build->objects[i], diag);
	return r;
}

static int add_generated(struct build *build, const char *object,
			 struct hf_diag *diag)
{
	if (object && strings_add(&build->generated, object))
		return hf_fail(diag, -ENOMEM, "cannot link");
	return 0;
}

static int link_patch(struct build *build, struct hf_diag *diag)
{
	owned(free_p) char *originals = NULL;
	int r = link_check_objects(build, diag);

	if (!r)
		r = resolve_imports(build, diag);
	if (!r)
		r = original_build(build, &originals, diag);
	if (!r)
		r = add_generated(build, originals, diag);
	if (!r)
		r = save_objects(build, diag);
	return r ?: link_objects(build, &build->generated, diag);
}

/* What can be said of the replacements only when they are linked. */
static int inspect(struct build *build, const struct elf_file *linked,
		   struct hf_diag *diag)
{
	int r = resolve_check_complete(build, linked, diag);

	if (!r)
		r = emit_locate(build, linked, diag);
	if (!r)
		r = types_check(build, diag);
	if (!r)
		r = inlines_check(build, diag);
	if (!r)
		r = purity_check(build, linked, diag);
	if (!r)
		r = lines_find(build, diag);
	return r ?: prove_bytes(build, diag);
}

/* Where registers must be preserved, once more with the code for that. */
static int link_entries(struct build *build, struct elf_file **linked,
			struct hf_diag *diag)
{
	owned(free_p) char *entries = NULL;
	int r = preserve_plan(build, *linked, &entries, diag);

	if (r || !entries)
		return r;
	elf_close(take_ptr(*linked));
	r = add_generated(build, entries, diag);
	if (!r)
		r = link_objects(build, &build->generated, diag);
	if (!r)
		r = elf_open(build->linked, linked, diag);
	if (!r)
		r = emit_locate(build, *linked, diag);
	return r ?: preserve_connect(build, *linked, diag);
}

static int finish(struct build *build, struct hf_diag *diag)
{
	owned(elf_close_p) struct elf_file *linked = NULL;
	int r = elf_open(build->linked, &linked, diag);

	if (!r)
		r = inspect(build, linked, diag);
	if (!r)
		r = link_entries(build, &linked, diag);
	return r ?: emit_patch(build, linked, diag);
}

static int run_sources(struct build *build, struct hf_diag *diag)
{
	int r = compile_sources(build, diag);

	if (!r)
		r = replaced_find(build, diag);
	if (!r)
		r = duplicates_warn(build, diag);
	if (!r)
		r = unwound_check(build, diag);
	if (!r)
		r = link_patch(build, diag);
	return r ?: finish(build, diag);
}

/*
 * Types, inlined copies and registers need no look here: what callers relied on
 * was compiled anew with them, and compared.
 */
static int finish_diff(struct build *build, struct hf_diag *diag)
{
	owned(elf_close_p) struct elf_file *linked = NULL;
	int r = elf_open(build->linked, &linked, diag);

	if (!r)
		r = resolve_check_complete(build, linked, diag);
	if (!r)
		r = emit_locate(build, linked, diag);
	if (!r)
		r = lines_find(build, diag);
	if (!r)
		r = prove_bytes(build, diag);
	return r ?: emit_patch(build, linked, diag);
}

static int run_diff(struct build *build, struct rebuilds *rebuilds,
		    struct hf_diag *diag)
{
	int r = 0;

	if (!rebuilds->original.nr_links)
		r = rebuild_twice(build, rebuilds, diag);
	build->rebuilds = rebuilds;
	if (!r)
		r = diff_run(build, diag);

	if (!r)
		r = link_check_objects(build, diag);
	if (!r)
		r = link_objects(build, &build->generated, diag);
	return r ?: finish_diff(build, diag);
}

static int run(struct build *build, struct rebuilds *rebuilds,
	       struct hf_diag *diag)
{
	int r = build_open_target(build, diag);

	if (!r)
		r = start_manifest(build, diag);
	if (!r)
		r = make_directory(build, diag);
	if (r)
		return r;
	return build->options->source_directory ?
		       run_diff(build, rebuilds, diag) :
		       run_sources(build, diag);
}

int build_run(const struct options *options, struct rebuilds *rebuilds,
	      struct build **ret_build, struct hf_diag *diag)
{
	struct build *build = calloc(1, sizeof(*build));

	if (!build)
		return hf_fail(diag, -ENOMEM, "cannot start");
	build->options = options;
	*ret_build = build;
	return run(build, rebuilds, diag);
}

/* ---- the end ------------------------------------------------------------ */

static void free_held(struct build *build)
{
	for (size_t i = 0; i < build->nr_held; i++) {
		free(build->held[i].place);
		free(build->held[i].import);
		free(build->held[i].to);
	}
	free(build->held);
}

static void free_objects(struct build *build)
{
	for (size_t i = 0; i < build->nr_objects; i++) {
		if (build->objects[i].file)
			object_release(&build->objects[i]);
		if (build->flags)
			flags_release(&build->flags[i]);
	}
	free(build->objects);
	free(build->flags);
}

void build_free(struct build *build)
{
	if (build->directory && !build->options->keep_temps)
		tree_remove(build->directory, NULL);
	free_objects(build);
	free_held(build);
	if (build->changes) {
		change_set_release(build->changes);
		free(build->changes);
	}
	free(build->directory);
	free(build->linked);
	for (size_t i = 0; i < build->nr_replacements; i++)
		free(build->replacements[i].saved);
	free(build->replacements);
	strings_release(&build->compiler);
	strings_release(&build->generated);
	strings_release(&build->warnings);
	if (build->manifest)
		manifest_free(build->manifest);
	insn_decoder_free(build->decoder);
	target_index_free(build->index);
	libraries_close(&build->libraries);
	symbols_release(&build->symbols);
	if (build->debuginfo)
		debuginfo_close(build->debuginfo);
	if (build->target)
		target_close(build->target);
	free(build);
}
