/*
 * What becomes of each item.
 *
 * It begins with what was selected and follows every reference from there.
 * What the target has is the target's; what nobody else can have (a literal,
 * what is new) comes along. So does code that the target should have and has
 * not (its linker dropped what nothing called): read-only, one copy is as good
 * as another. A variable that is not found is refused: there is a state
 * somewhere, and a second one would be wrong.
 */
#include "extract_internal.h"

#include <errno.h>
#include <string.h>

#include "wrapped.h"

static const char *describe(const struct item *item)
{
	static _Thread_local char text[256];

	return item_describe(item, text, sizeof(text));
}

/* ---- keeping ------------------------------------------------------------ */

static int refuse_tls(const struct extract_unit *unit, const struct item *item,
		      struct hf_diag *diag)
{
	hf_refuse(diag, "needs-tls",
		  "%s: %s is a new thread-local variable, which threads that "
		  "run already would not have",
		  unit->pair->name, describe(item));
	hf_hint(diag, "make it an ordinary variable, or keep it in a table by "
		      "thread");
	return -ECANCELED;
}

static int include(struct extract *extract, struct extract_unit *unit,
		   struct item *item, struct hf_diag *diag)
{
	struct fate *fate = fate_of(unit, item);
	struct place *place;

	if (fate->included)
		return 0;
	if (item->thread_local)
		return refuse_tls(unit, item, diag);
	place = array_append(extract->included, extract->nr_included);
	if (!place)
		return hf_fail(diag, -ENOMEM, "cannot extract %s",
			       unit->pair->name);
	*place = (struct place){ unit, item };
	fate->included = true;
	unit->used = true;
	return 0;
}

static int keep(struct extract *extract, struct extract_unit *unit,
		struct item *item, struct hf_diag *diag)
{
	fate_of(unit, item)->kind = FATE_KEPT;
	return include(extract, unit, item, diag);
}

/*
 * Within a section, calls need no relocation: who takes one function of it
 * takes all.
 */
static int include_neighbours(struct extract *extract, struct place place,
			      struct hf_diag *diag)
{
	const struct unit *unit = place.unit->pair->patched;
	int r = 0;

	for (size_t i = 0; i < unit->nr_items && !r; i++)
		if (unit->items[i]->section == place.item->section &&
		    place.item->section)
			r = include(extract, place.unit, unit->items[i], diag);
	return r;
}

/* ---- deciding ----------------------------------------------------------- */

static int refuse_ambiguous(const struct extract *extract,
			    const struct extract_unit *unit,
			    const struct item *item, size_t nr,
			    struct hf_diag *diag)
{
	const struct symbols *symbols = &extract->build->symbols;

	hf_refuse(diag, "symbol-ambiguous",
		  "%s: %s cannot be told from %zu others of that name in %s",
		  unit->pair->name, describe(item), nr,
		  symbols->target->name);
	for (size_t i = 0; i < symbols->nr && item->name; i++)
		if (!strcmp(symbols->entries[i].name, item->name))
			hf_detail(diag, "  %#lx  %s of %s",
				  symbols->entries[i].vaddr,
				  symbol_class_name(symbol_class(
					  &symbols->entries[i])),
				  symbol_source(symbols,
						&symbols->entries[i]) ?:
					  "unknown source");
	hf_hint(diag, "a debug file of the target (--debuginfo) tells them "
		      "apart by their source files");
	return -ECANCELED;
}

static int refuse_missing(const struct extract *extract,
			  const struct extract_unit *unit,
			  const struct item *item, struct hf_diag *diag)
{
	const struct build *build = extract->build;

	hf_refuse(diag, "symbol-missing",
		  "%s: the changed code uses %s, which %s does not seem to "
		  "have",
		  unit->pair->name, describe(item), build->target->name);
	if (!build->symbols.complete)
		hf_hint(diag, "%s is stripped: give its debug file with "
			      "--debuginfo",
			build->target->name);
	else
		hf_hint(diag, "is the target built from this source, with "
			      "these options?");
	return -ECANCELED;
}

static int refuse_nowhere(const struct extract *extract,
			  const struct extract_unit *unit,
			  const struct item *item, struct hf_diag *diag)
{
	const struct build *build = extract->build;

	hf_refuse(diag, "symbol-missing",
		  "%s: the changed code uses %s, which neither %s nor its "
		  "libraries have",
		  unit->pair->name, item->name, build->target->name);
	if (!build->symbols.complete)
		hf_hint(diag, "%s is stripped: give its debug file with "
			      "--debuginfo",
			build->target->name);
	if (!build->target->needed.nr)
		hf_hint(diag, "it is linked statically and has only those "
			      "functions of libraries that it already used; "
			      "do without %s, or write what it does into the "
			      "change",
			item->name);
	for (size_t i = 0; i < build->libraries.missing.nr; i++)
		hf_hint(diag, "%s is not on this machine and could not be "
			      "asked; --sysroot DIR names another root",
			build->libraries.missing.items[i]);
	return -ECANCELED;
}

/* 128-bit division and the like: the linker brings them. */
static bool may_be_compilers(const char *name)
{
	return !strncmp(name, "__", 2);
}

static bool may_be_copied(const struct build *build, const struct item *item)
{
	return build->symbols.complete && !item->thread_local &&
	       (item_is_code(item) || item_is_read_only_data(item));
}

static int decide_by_binding(struct extract *extract, struct extract_unit *unit,
			     struct item *item, struct fate *fate,
			     struct hf_diag *diag)
{
	bool external = item->kind == ITEM_EXTERNAL;
	int r = bind_item(extract->build, unit->pair,
			  external ? item : item->twin, &fate->binding);

	if (r)
		return hf_fail(diag, r, "cannot look for %s", describe(item));
	fate->name = fate->binding.name;
	switch (fate->binding.kind) {
	case BINDING_TARGET:
	case BINDING_EXPORTED:
		fate->kind = FATE_TARGET;
		return 0;
	case BINDING_AMBIGUOUS:
		return refuse_ambiguous(extract, unit, item,
					fate->binding.nr_candidates, diag);
	case BINDING_NONE:
		break;
	}
	if (external && item->binding == STB_WEAK)
		fate->kind = FATE_ABSENT;
	else if (external && item->name && may_be_compilers(item->name))
		fate->kind = FATE_LINKER;
	else if (external)
		return refuse_nowhere(extract, unit, item, diag);
	if (external)
		return 0;
	if (may_be_copied(extract->build, item))
		return keep(extract, unit, item, diag);
	return refuse_missing(extract, unit, item, diag);
}

/* Another object of the program that defines an external name: a weak one only
   when there is no other. */
static struct place find_definition(const struct extract *extract,
				    const struct item *external)
{
	struct place weak = { 0 };

	for (size_t i = 0; i < extract->set->nr_pairs && external->name; i++) {
		struct extract_unit *unit = &extract->units[i];
		struct item *item =
			unit->pair->patched ?
				unit_find(unit->pair->patched, external->name) :
				NULL;

		if (!item || item->kind == ITEM_EXTERNAL ||
		    item->binding == STB_LOCAL)
			continue;
		if (item->binding != STB_WEAK)
			return (struct place){ unit, item };
		if (!weak.item)
			weak = (struct place){ unit, item };
	}
	return weak;
}

/*
 * gcc puts initial values of local arrays of pointers into .data, where nothing
 * but their having no name tells that nobody writes them. Without a name and
 * without a value (.bss), it is somebody's state.
 */
static bool has_no_identity(const struct item *item)
{
	return item->kind == ITEM_STRING || item->kind == ITEM_CONSTANT ||
	       (item->kind == ITEM_TABLE && !item->thread_local &&
		(!item->writable || item->bytes));
}

static int decide(struct extract *extract, struct extract_unit *unit,
		  struct item *item, struct hf_diag *diag);

/* As its definition, where that is in an object that changes, too. */
static int decide_external(struct extract *extract, struct extract_unit *unit,
			   struct item *item, struct hf_diag *diag)
{
	struct fate *fate = fate_of(unit, item);
	struct place place = find_definition(extract, item);
	const struct fate *there;
	int r;

	if (!place.item || link_wraps(extract->set->link, item->name))
		return decide_by_binding(extract, unit, item, fate, diag);
	r = decide(extract, place.unit, place.item, diag);
	if (r)
		return r;
	there = fate_of(place.unit, place.item);
	if (there->kind == FATE_KEPT && !there->change) {
		fate->kind = FATE_LINKER;
		return 0;
	}
	/* A replaced function is reached by the target's own entry. */
	fate->kind = FATE_TARGET;
	fate->binding = there->binding;
	fate->name = there->name;
	return 0;
}

static int decide(struct extract *extract, struct extract_unit *unit,
		  struct item *item, struct hf_diag *diag)
{
	struct fate *fate = fate_of(unit, item);

	if (fate->kind != FATE_UNKNOWN)
		return 0;
	if (item->kind == ITEM_EXTERNAL)
		return item->name && !strcmp(item->name,
					     "_GLOBAL_OFFSET_TABLE_") ?
			       (fate->kind = FATE_LINKER, 0) :
			       decide_external(extract, unit, item, diag);
	if (has_no_identity(item) || !item->twin)
		return keep(extract, unit, item, diag);
	return decide_by_binding(extract, unit, item, fate, diag);
}

/* ---- the beginning ------------------------------------------------------ */

static struct extract_unit *unit_of(const struct extract *extract,
				    const struct unit_pair *pair)
{
	return &extract->units[pair - extract->set->pairs];
}

static int keep_change(struct extract *extract, const struct change *change,
		       struct hf_diag *diag)
{
	struct extract_unit *unit = unit_of(extract, change->pair);
	struct fate *fate = fate_of(unit, change->patched);

	fate->change = change;
	fate->binding = (struct binding){
		.kind = BINDING_TARGET,
		.symbol = change->target,
		.vaddr = change->target->vaddr,
	};
	return keep(extract, unit, change->patched, diag);
}

/* A cold part goes with its function, selected or not. */
static int keep_cold_parts(struct extract *extract, struct extract_unit *unit,
			   struct hf_diag *diag)
{
	const struct unit *patched = unit->pair->patched;
	int r = 0;

	for (size_t i = 0; patched && i < patched->nr_items && !r; i++) {
		struct item *item = patched->items[i];

		if (item->kind == ITEM_COLD && item->parent &&
		    fate_of(unit, item->parent)->kind == FATE_KEPT)
			r = keep(extract, unit, item, diag);
	}
	return r;
}

static int keep_selected(struct extract *extract, struct hf_diag *diag)
{
	const struct change_set *set = extract->set;
	int r = 0;

	for (size_t i = 0; i < set->nr_changes && !r; i++)
		r = keep_change(extract, &set->changes[i], diag);
	for (size_t i = 0; i < set->nr_additions && !r; i++)
		r = keep(extract, unit_of(extract, set->additions[i].pair),
			 set->additions[i].patched, diag);
	for (size_t i = 0; i < set->nr_pairs && !r; i++)
		r = keep_cold_parts(extract, &extract->units[i], diag);
	return r;
}

static int follow(struct extract *extract, struct place place,
		  struct hf_diag *diag)
{
	int r = 0;

	if (item_is_code(place.item))
		r = include_neighbours(extract, place, diag);
	for (size_t i = 0; i < place.item->nr_references && !r; i++)
		r = decide(extract, place.unit, place.item->references[i].to,
			   diag);
	/* Of what was kept on the way. */
	return r ?: keep_cold_parts(extract, place.unit, diag);
}

int extract_fates(struct extract *extract, struct hf_diag *diag)
{
	int r = keep_selected(extract, diag);

	for (size_t i = 0; i < extract->nr_included && !r; i++)
		r = follow(extract, extract->included[i], diag);
	return r;
}
