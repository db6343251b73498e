#include "diff.h"

#include <dwarf.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "../../lib/digest.h"
#include "../../lib/io.h"
#include "../command.h"
#include "bind.h"
#include "choose.h"
#include "compare.h"
#include "correlate.h"
#include "extract.h"
#include "folded.h"
#include "identity.h"
#include "judge.h"
#include "noise.h"
#include "pair.h"
#include "rebuild.h"
#include "select.h"
#include "why.h"

#define DIFF_SIZE_MAX (64u << 20)

/* ---- what differs ------------------------------------------------------- */

/* Where the second build did not link, nothing of the target was rebuilt. */
static int pair(struct build *build, struct hf_diag *diag)
{
	struct change_set *set = build->changes;
	const struct link_step *original = NULL, *patched;
	int r = choose_link(build, &set->original_build, &original, diag);

	if (r)
		return r;
	set->link = original;
	patched = choose_same(&set->patched_build, original) ?: original;
	return pair_objects(original, patched, set, diag);
}

static int compare_pair(struct unit_pair *pair, struct hf_diag *diag)
{
	int r;

	if (!pair->original || !pair->patched)
		return 0;
	r = correlate_units(pair->original, pair->patched, diag);
	return r ?: compare_units(pair->original, pair->patched, diag);
}

static int compare(struct build *build, struct hf_diag *diag)
{
	struct change_set *set = build->changes;
	int r = 0;

	for (size_t i = 0; i < set->nr_pairs && !r; i++)
		r = compare_pair(&set->pairs[i], diag);
	if (!r)
		r = noise_remove(build, set, diag);
	if (!r)
		r = select_changes(set, diag);
	return r ?: judge_changes(build, set, diag);
}

/* ---- what runs ---------------------------------------------------------- */

static int refuse_binding(const struct build *build,
			  const struct change *change,
			  const struct binding *binding, struct hf_diag *diag)
{
	const char *name = change->original->name;

	if (binding->kind == BINDING_AMBIGUOUS) {
		hf_refuse(diag, "function-ambiguous",
			  "%zu functions of %s may be %s() of %s",
			  binding->nr_candidates, build->target->name, name,
			  change->pair->name);
		hf_hint(diag, "debug information of the target (--debuginfo) "
			      "tells them apart by their source files");
		return -ECANCELED;
	}
	hf_refuse(diag, "function-missing",
		  "%s() of %s is changed, but %s has no such function", name,
		  change->pair->name, build->target->name);
	if (!build->symbols.complete)
		hf_hint(diag, "%s is stripped: give its debug file with "
			      "--debuginfo to reach what is static",
			build->target->name);
	else
		hf_hint(diag, "is this the source, and the build command, of "
			      "the release that runs?");
	return -ECANCELED;
}

static int bind_change(const struct build *build, struct change *change,
		       struct hf_diag *diag)
{
	struct binding binding = { 0 };
	int r = bind_item(build, change->pair, change->original, &binding);

	if (r)
		return hf_fail(diag, r, "cannot find %s",
			       change->original->name);
	if (binding.kind != BINDING_TARGET)
		return refuse_binding(build, change, &binding, diag);
	change->target = binding.symbol;
	return 0;
}

static char *command_line(const struct compile *compile)
{
	owned(free_p) char *arguments =
		compile ? strings_join(&compile->arguments) : NULL;

	return arguments ? text_format("%s %s", compile->compiler, arguments) :
			   NULL;
}

/* The other side of a mismatch: how the target itself says it was compiled. */
static const char *producer_at(const struct build *build, uint64_t vaddr)
{
	const struct debug_entity *entity =
		debuginfo_entity(build->debuginfo, vaddr);
	Dwarf *dwarf = debuginfo_dwarf(build->debuginfo);
	Dwarf_Attribute attribute;
	Dwarf_Die die, unit;

	if (!entity || !dwarf || !dwarf_offdie(dwarf, entity->die, &die) ||
	    !dwarf_diecu(&die, &unit, NULL, NULL))
		return NULL;
	return dwarf_formstring(
		dwarf_attr(&unit, DW_AT_producer, &attribute));
}

static int refuse_unproven(const struct build *build,
			   const struct change *change, struct hf_diag *diag)
{
	owned(free_p) char *line = command_line(change->pair->original_compile);
	const char *producer = producer_at(build, change->target->vaddr);

	hf_refuse(diag, "identity",
		  "%s() of %s, built from this source, is not what %s runs",
		  change->original->name, change->pair->name,
		  build->target->name);
	if (change->identity.difference)
		hf_detail(diag, "%s", change->identity.difference);
	if (line)
		hf_detail(diag, "here:   %s", line);
	if (producer)
		hf_detail(diag, "target: %s", producer);
	hf_hint(diag, "another release of the source, another compiler "
		      "version, or other flags: build as the target was built");
	hf_hint(diag, "--accept-unproven goes on all the same, and the patch "
		      "says so for ever");
	return -ECANCELED;
}

static int accept_unproven(struct build *build, const struct change *change,
			   struct hf_diag *diag)
{
	struct manifest *manifest = build->manifest;
	char **line = array_append(manifest->overrides, manifest->nr_overrides);

	if (line)
		*line = text_format("accept-unproven: %s() of %s",
				    change->original->name, change->pair->name);
	if (!line || !*line ||
	    strings_addf(&build->warnings,
			 "%s() of %s is not proven to be what %s runs",
			 change->original->name, change->pair->name,
			 build->target->name))
		return hf_fail(diag, -ENOMEM, "cannot note what was accepted");
	return 0;
}

static int prove_change(struct build *build, struct change *change,
			struct hf_diag *diag)
{
	int r = identity_prove(build, change->pair, change->original,
			       change->target, &change->identity, diag);

	if (r || change->identity.proven)
		return r;
	return build->options->accept_unproven ?
		       accept_unproven(build, change, diag) :
		       refuse_unproven(build, change, diag);
}

static int prove_rest(struct build *build, const struct unit_pair *pair,
		      struct hf_diag *diag)
{
	size_t nr_proven = 0, nr_functions = 0;
	int r = identity_all(build, pair, &nr_proven, &nr_functions, diag);

	if (!r && build_prove(build,
			      "%s: %zu of %zu functions, built from the "
			      "source, are what the target runs",
			      pair->name, nr_proven, nr_functions))
		r = hf_fail(diag, -ENOMEM, "cannot add a proof");
	return r;
}

static int prove(struct build *build, struct hf_diag *diag)
{
	struct change_set *set = build->changes;
	int r = 0;

	for (size_t i = 0; i < set->nr_changes && !r; i++)
		r = bind_change(build, &set->changes[i], diag);
	if (!r)
		r = folded_check(build, set, diag);
	for (size_t i = 0; i < set->nr_changes && !r; i++)
		r = prove_change(build, &set->changes[i], diag);
	for (size_t i = 0; i < set->nr_pairs && !r; i++)
		if (set->pairs[i].original)
			r = prove_rest(build, &set->pairs[i], diag);
	return r;
}

/* ---- what the patch says of itself -------------------------------------- */

static int add_diff(struct manifest *manifest, const char *path,
		    struct hf_diag *diag)
{
	struct manifest_diff *diff =
		array_append(manifest->diffs, manifest->nr_diffs);
	const char *slash = strrchr(path, '/');
	struct buffer bytes = { 0 };
	int r;

	if (!diff)
		return hf_fail(diag, -ENOMEM, "cannot note the diff");
	diff->name = strdup(slash ? slash + 1 : path);
	if (!diff->name)
		return hf_fail(diag, -ENOMEM, "cannot note the diff");
	r = file_read(AT_FDCWD, path, DIFF_SIZE_MAX, &bytes, diag);
	if (r)
		return r;
	sha256(bytes.data, bytes.size, diff->sha256);
	buffer_release(&bytes);
	return 0;
}

static int describe_change(struct manifest_function *function,
			   const struct change *change)
{
	const struct identity *identity = &change->identity;

	function->why = why_text(change);
	function->identity = identity->proven ? IDENTITY_PROVEN :
						IDENTITY_UNPROVEN;
	function->identity_instructions = (uint32_t)identity->nr_instructions;
	function->identity_references = (uint32_t)identity->nr_references;
	if (!function->why)
		return -ENOMEM;
	if (identity->difference &&
	    !(function->difference = strdup(identity->difference)))
		return -ENOMEM;
	return 0;
}

/* extract_objects() keeps the order of the changes. */
static int describe_changes(struct build *build, struct hf_diag *diag)
{
	struct change_set *set = build->changes;
	int r = 0;

	for (size_t i = 0; i < set->nr_changes && !r; i++)
		r = describe_change(&build->manifest->functions[i],
				    &set->changes[i]);
	return r ? hf_fail(diag, r, "cannot describe the changes") : 0;
}

/* Of the first changed unit: one build has one compiler as a rule. */
static int describe_compiler(struct build *build, struct hf_diag *diag)
{
	const struct compile *compile =
		build->changes->changes[0].pair->original_compile;
	struct strings version = { 0 };
	int r;

	if (!compile)
		return 0;
	build->manifest->flags = strings_join(&compile->arguments);
	r = build->manifest->flags ? strings_add(&version, compile->compiler) :
				     -ENOMEM;
	if (!r)
		r = strings_add(&version, "--version");
	if (r)
		hf_fail(diag, r, "cannot describe the compiler");
	else
		r = command_first_line(&version, &build->manifest->compiler,
				       diag);
	strings_release(&version);
	return r;
}

static int describe(struct build *build, struct hf_diag *diag)
{
	const struct options *options = build->options;
	struct manifest *manifest = build->manifest;
	int r = describe_changes(build, diag);

	for (size_t i = 0; i < options->diffs.nr && !r; i++)
		r = add_diff(manifest, options->diffs.items[i], diag);
	if (r)
		return r;
	manifest->build_command = strings_join(&options->build_command);
	if (!manifest->build_command)
		return hf_fail(diag, -ENOMEM, "cannot describe the build");
	return describe_compiler(build, diag);
}

/* ---- all of it ---------------------------------------------------------- */

/* A part of the build that was not seen may be what the diff is about. */
static int warn_unseen(struct build *build, const struct recording *recording)
{
	int r = 0;

	for (size_t i = 0; i < recording->failures.nr && !r; i++)
		r = strings_addf(&build->warnings,
				 "the build was not seen whole: %s",
				 recording->failures.items[i]);
	return r;
}

/* The set borrows from the builds, which it may share with other targets. */
static int begin(struct build *build, struct hf_diag *diag)
{
	const struct rebuilds *rebuilds = build->rebuilds;

	build->changes = calloc(1, sizeof(*build->changes));
	if (!build->changes ||
	    strings_add_all(&build->warnings, &rebuilds->warnings) ||
	    warn_unseen(build, &rebuilds->original) ||
	    warn_unseen(build, &rebuilds->patched))
		return hf_fail(diag, -ENOMEM, "cannot start");
	build->changes->original_build = rebuilds->original;
	build->changes->patched_build = rebuilds->patched;
	build->changes->sources = rebuilds->sources;
	return 0;
}

int diff_run(struct build *build, struct hf_diag *diag)
{
	int r = begin(build, diag);

	if (!r)
		r = pair(build, diag);
	if (!r)
		r = compare(build, diag);
	if (!r)
		r = prove(build, diag);
	if (!r)
		r = extract_objects(build, build->changes, diag);
	return r ?: describe(build, diag);
}
