#include "extract.h"

#include <errno.h>
#include <string.h>

#include "../replaced.h"
#include "extract_internal.h"

/* ---- beginning and end -------------------------------------------------- */

static int open_unit(struct extract_unit *unit, const struct unit_pair *pair,
		     struct hf_diag *diag)
{
	const struct unit *patched = pair->patched;

	unit->pair = pair;
	if (!patched)
		return 0;
	unit->fates = calloc(patched->nr_items + 1, sizeof(*unit->fates));
	unit->linker_finds = calloc(patched->symbols.nr + 1,
				    sizeof(*unit->linker_finds));
	if (!unit->fates || !unit->linker_finds)
		return hf_fail(diag, -ENOMEM, "cannot extract %s", pair->name);
	return 0;
}

static int open_units(struct extract *extract, struct hf_diag *diag)
{
	struct change_set *set = extract->set;
	int r = 0;

	extract->units = calloc(set->nr_pairs + 1, sizeof(*extract->units));
	if (!extract->units)
		return hf_fail(diag, -ENOMEM, "cannot extract objects");
	for (size_t i = 0; i < set->nr_pairs && !r; i++)
		r = open_unit(&extract->units[i], &set->pairs[i], diag);
	return r;
}

static void close_unit(struct extract_unit *unit)
{
	edit_release(&unit->edit);
	for (size_t i = 0; i < unit->nr_markers; i++)
		free(unit->markers[i].name);
	free(unit->markers);
	free(unit->uses);
	free(unit->fates);
	free(unit->linker_finds);
}

static void release(struct extract *extract)
{
	for (size_t i = 0; extract->units && i < extract->set->nr_pairs; i++)
		close_unit(&extract->units[i]);
	free(extract->units);
	free(extract->included);
	free(extract->tls_import);
	strings_release(&extract->names);
	strings_release(&extract->thunks);
}

/* ---- the objects -------------------------------------------------------- */

static int open_edits(struct extract *extract, struct hf_diag *diag)
{
	int r = 0;

	for (size_t i = 0; i < extract->set->nr_pairs && !r; i++) {
		struct extract_unit *unit = &extract->units[i];

		if (unit->used)
			r = edit_open(unit->pair->patched->file, &unit->edit,
				      diag);
	}
	return r;
}

static int check_unwind(const struct extract *extract, struct hf_diag *diag)
{
	int r = 0;

	for (size_t i = 0; i < extract->set->nr_pairs && !r; i++)
		if (extract->units[i].used)
			r = extract_unwind(extract, &extract->units[i], diag);
	return r;
}

static int edit_unit(struct extract *extract, struct extract_unit *unit,
		     struct hf_diag *diag)
{
	int r = extract_layout(extract, unit, diag);

	if (!r)
		r = extract_references(extract, unit, diag);
	return r ?: extract_symbols(extract, unit, diag);
}

/* "DIR/3-server.o" of "src/server.o". */
static char *path_of(const struct build *build, const struct extract_unit *unit)
{
	const char *name = unit->pair->name;
	const char *slash = strrchr(name, '/');

	return text_format("%s/%zu-%s.o", build->directory, unit->object,
			   slash ? slash + 1 : name);
}

static int write_unit(struct build *build, struct extract_unit *unit,
		      struct hf_diag *diag)
{
	owned(free_p) char *path = path_of(build, unit);
	int r;

	if (!path)
		return hf_fail(diag, -ENOMEM, "cannot extract %s",
			       unit->pair->name);
	r = edit_save(&unit->edit, path, diag);
	return r ?: object_open(unit->pair->name, path,
				&build->objects[unit->object], diag);
}

static int make_objects(struct extract *extract, struct hf_diag *diag)
{
	struct build *build = extract->build;
	int r = 0;

	build->objects =
		calloc(extract->set->nr_pairs + 1, sizeof(*build->objects));
	if (!build->objects)
		return hf_fail(diag, -ENOMEM, "cannot extract objects");
	for (size_t i = 0; i < extract->set->nr_pairs && !r; i++) {
		struct extract_unit *unit = &extract->units[i];

		if (!unit->used)
			continue;
		unit->object = build->nr_objects;
		r = edit_unit(extract, unit, diag);
		if (!r)
			r = write_unit(build, unit, diag);
		build->nr_objects += !r;
	}
	return r;
}

/* ---- the replacements --------------------------------------------------- */

static int add_replacement(struct extract *extract, const struct change *change,
			   struct hf_diag *diag)
{
	struct build *build = extract->build;
	const struct extract_unit *unit =
		&extract->units[change->pair - extract->set->pairs];
	const struct object *object = &build->objects[unit->object];
	const char *name =
		edit_symbol_name(&unit->edit, change->patched->symbol);
	const Elf64_Sym *symbol = object_definition(object, name);

	if (!symbol)
		return hf_error(diag, -EINVAL, "object-edit",
				"%s: %s was lost", unit->pair->name, name);
	/* The object's own copy of the name lives as long as the object. */
	return replaced_add(build, object, change->target,
			    elf_symbol_name(object->file, &object->symbols,
					    (size_t)(symbol -
						     object->symbols.entries)),
			    diag);
}

static int add_replacements(struct extract *extract, struct hf_diag *diag)
{
	const struct change_set *set = extract->set;
	int r = 0;

	for (size_t i = 0; i < set->nr_changes && !r; i++)
		r = add_replacement(extract, &set->changes[i], diag);
	return r;
}

/* Who compiled the objects can link them. */
static int choose_compiler(struct extract *extract, struct hf_diag *diag)
{
	struct build *build = extract->build;
	const struct compile *compile = NULL;

	if (build->compiler.nr)
		return 0;
	for (size_t i = 0; i < extract->set->nr_pairs && !compile; i++)
		if (extract->units[i].used)
			compile = extract->set->pairs[i].patched_compile;
	return strings_add(&build->compiler,
			   compile ? compile->compiler : "cc") ?
		       hf_fail(diag, -ENOMEM, "cannot extract objects") :
		       0;
}

int extract_objects(struct build *build, struct change_set *set,
		    struct hf_diag *diag)
{
	struct extract extract = {
		.build = build,
		.set = set,
		.first_import = build->manifest->nr_imports,
	};
	int r = open_units(&extract, diag);

	if (!r)
		r = extract_fates(&extract, diag);
	if (!r)
		r = check_unwind(&extract, diag);
	if (!r)
		r = open_edits(&extract, diag);
	if (!r)
		r = extract_names(&extract, diag);
	if (!r)
		r = make_objects(&extract, diag);
	if (!r)
		r = add_replacements(&extract, diag);
	if (!r)
		r = choose_compiler(&extract, diag);
	if (!r)
		r = extract_stubs(&extract, diag);
	release(&extract);
	return r;
}
