/*
 * From objects to a patch, without the recorded builds between which a source
 * diff stands: tests of extraction make the objects themselves.
 *
 *	extract TARGET OUTPUT BEFORE.o AFTER.o [BEFORE.o AFTER.o]...
 *
 * "-" in the place of BEFORE.o: the object is new. Nothing is judged and no
 * identity proved. EXTRACT_ALL=1 in the environment: every function counts as
 * changed, which tries more of extraction than any diff would.
 */
#include <errno.h>
#include <string.h>

#include "../../patcher/diff/bind.h"
#include "../../patcher/diff/compare.h"
#include "../../patcher/diff/correlate.h"
#include "../../patcher/diff/extract.h"
#include "../../patcher/diff/select.h"
#include "../../patcher/emit.h"
#include "../../patcher/link.h"
#include "../../patcher/resolve.h"

static int start(struct build *build, struct hf_diag *diag)
{
	struct manifest *manifest = calloc(1, sizeof(*manifest));
	char directory[] = "/tmp/hotfix-extract.XXXXXX";

	build->manifest = manifest;
	build->directory = manifest && mkdtemp(directory) ? strdup(directory) :
							    NULL;
	if (!build->directory)
		return hf_fail(diag, -ENOMEM, "cannot start");
	build->linked = text_format("%s/linked.so", directory);
	manifest->name = strdup("fix");
	manifest->created = strdup("2026-01-01T00:00:00Z");
	manifest->tool = strdup("extract");
	manifest->target.name = strdup(build->target->name);
	manifest->target.kind = build->target->kind;
	manifest->target.build_id = build->target->build_id;
	manifest->target.machine = build->target->arch->e_machine;
	return 0;
}

static void change_all(struct unit *unit)
{
	for (size_t i = 0; i < unit->nr_items; i++) {
		struct item *item = unit->items[i];

		if (!item_is_code(item) || !item->twin ||
		    (item->parent ?: item)->kind != ITEM_FUNCTION)
			continue;
		item->verdict = item->twin->verdict = VERDICT_CHANGED;
		item->why = item->twin->why = WHY_CODE;
	}
}

static int open_pair(struct unit_pair *pair, const char *before,
		     const char *after, struct hf_diag *diag)
{
	int r = 0;

	pair->name = after;
	if (strcmp(before, "-"))
		r = unit_open(before, &pair->original, diag);
	if (!r)
		r = unit_open(after, &pair->patched, diag);
	if (r || !pair->original)
		return r;
	r = correlate_units(pair->original, pair->patched, diag);
	if (!r)
		r = compare_units(pair->original, pair->patched, diag);
	if (!r && getenv("EXTRACT_ALL"))
		change_all(pair->patched);
	return r;
}

static int bind_changes(struct build *build, struct change_set *set,
			struct hf_diag *diag)
{
	for (size_t i = 0; i < set->nr_changes; i++) {
		struct change *change = &set->changes[i];
		struct binding binding;
		int r = bind_item(build, change->pair, change->original,
				  &binding);

		if (r || binding.kind != BINDING_TARGET)
			return hf_refuse(diag, "symbol-missing",
					 "%s is not in the target",
					 change->original->name);
		change->target = binding.symbol;
		fprintf(stderr, "changed: %s\n", change->original->name);
	}
	for (size_t i = 0; i < set->nr_additions; i++) {
		char text[256];

		fprintf(stderr, "added: %s\n",
			item_describe(set->additions[i].patched, text,
				      sizeof(text)));
	}
	return 0;
}

static int link_patch(struct build *build, struct hf_diag *diag)
{
	owned(elf_close_p) struct elf_file *linked = NULL;
	int r = link_check_objects(build, diag);

	if (!r)
		r = link_objects(build, &build->generated, diag);
	if (!r)
		r = elf_open(build->linked, &linked, diag);
	if (!r)
		r = resolve_check_complete(build, linked, diag);
	if (!r)
		r = emit_locate(build, linked, diag);
	return r ?: emit_patch(build, linked, diag);
}

static int run(struct build *build, struct change_set *set, char **objects,
	       struct hf_diag *diag)
{
	int r = build_open_target(build, diag);

	if (!r)
		r = start(build, diag);
	for (size_t i = 0; i < set->nr_pairs && !r; i++)
		r = open_pair(&set->pairs[i], objects[2 * i],
			      objects[2 * i + 1], diag);
	if (!r)
		r = select_changes(set, diag);
	if (!r)
		r = bind_changes(build, set, diag);
	if (!r)
		r = extract_objects(build, set, diag);
	return r ?: link_patch(build, diag);
}

int main(int argc, char **argv)
{
	struct options options = {
		.target = argc > 2 ? argv[1] : "",
		.output = argc > 2 ? argv[2] : "",
		.keep_temps = getenv("KEEP") != NULL,
	};
	struct build *build = calloc(1, sizeof(*build));
	struct change_set set = { 0 };
	struct hf_diag diag = { 0 };
	int r;

	if (argc < 5 || argc % 2 == 0 || !build)
		return HF_EXIT_USAGE;
	build->options = &options;
	set.nr_pairs = (size_t)(argc - 3) / 2;
	set.pairs = calloc(set.nr_pairs, sizeof(*set.pairs));
	r = run(build, &set, argv + 3, &diag);
	if (r)
		fprintf(stderr, "error %s: %s\n%s\n", diag.code, diag.message,
			diag.hint);
	for (size_t i = 0; i < build->warnings.nr; i++)
		fprintf(stderr, "warning: %s\n", build->warnings.items[i]);
	if (options.keep_temps)
		fprintf(stderr, "kept: %s\n", build->directory);
	build_free(build);
	change_set_release(&set);
	return (int)diag_exit_status(r);
}
