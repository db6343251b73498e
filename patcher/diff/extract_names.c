/*
 * Names that are unique over all objects of a patch.
 *
 * Global names are: the program was linked. They become hidden, so that the
 * patch's objects find each other's and nothing else does. Static names may
 * repeat, and then all but the first get a number; a replacement is looked for
 * by name after the link. Versions (f@V1, f@@V2) are cut off: they would ask the
 * linker for a version script.
 */
#include "extract_internal.h"

#include <errno.h>
#include <string.h>

static bool is_taken(const struct extract *extract, const char *name)
{
	for (size_t i = 0; i < extract->names.nr; i++)
		if (!strcmp(extract->names.items[i], name))
			return true;
	return false;
}

char *extract_unique_name(struct extract *extract, const char *name)
{
	owned(free_p) char *unique = strdup(name);

	for (unsigned int i = 2; unique && is_taken(extract, unique); i++) {
		free(unique);
		unique = text_format("%s.hotfix.%u", name, i);
	}
	if (!unique || strings_add(&extract->names, unique))
		return NULL;
	return take_ptr(unique);
}

static bool is_named_by_compiler(const char *name)
{
	return !*name || !strncmp(name, ".L", 2);
}

static int make_unique(struct extract *extract, struct object_edit *edit,
		       size_t symbol)
{
	const char *name = edit_symbol_name(edit, symbol);
	owned(free_p) char *plain = strndup(name, strcspn(name, "@"));
	owned(free_p) char *unique =
		plain ? extract_unique_name(extract, plain) : NULL;

	if (!unique)
		return -ENOMEM;
	return strcmp(unique, name) ? edit_rename(edit, symbol, unique) : 0;
}

/* First all names that have to stay, then those that may get a number. */
static int name_symbol(struct extract *extract, struct object_edit *edit,
		       size_t symbol, bool flexible)
{
	const Elf64_Sym *entry = &edit->symbols[symbol].symbol;
	const char *name = edit_symbol_name(edit, symbol);

	if (is_named_by_compiler(name) ||
	    flexible != (ELF64_ST_BIND(entry->st_info) == STB_LOCAL ||
			 strchr(name, '@')))
		return 0;
	return flexible ? make_unique(extract, edit, symbol) :
			  strings_add(&extract->names, name);
}

static int name_item(struct extract *extract, const struct place *place,
		     bool flexible)
{
	const struct item *item = place->item;
	struct object_edit *edit = &place->unit->edit;
	int r = 0;

	if (fate_of(place->unit, item)->kind != FATE_KEPT)
		return 0;
	if (item->symbol)
		r = name_symbol(extract, edit, item->symbol, flexible);
	for (size_t i = 0; i < item->nr_aliases && !r; i++)
		r = name_symbol(extract, edit, item->aliases[i], flexible);
	return r;
}

/* What the linker is to find keeps its name as well. */
static int name_externals(struct extract *extract,
			  const struct extract_unit *unit)
{
	const struct unit *patched = unit->pair->patched;
	int r = 0;

	for (size_t i = 0; i < patched->nr_items && !r; i++) {
		const struct item *item = patched->items[i];

		if (item->kind == ITEM_EXTERNAL && item->name &&
		    fate_of(unit, item)->kind == FATE_LINKER)
			r = strings_add(&extract->names, item->name);
	}
	return r;
}

int extract_names(struct extract *extract, struct hf_diag *diag)
{
	int r = 0;

	for (size_t i = 0; i < extract->nr_included && !r; i++)
		r = name_item(extract, &extract->included[i], false);
	for (size_t i = 0; i < extract->set->nr_pairs && !r; i++)
		if (extract->units[i].used)
			r = name_externals(extract, &extract->units[i]);
	for (size_t i = 0; i < extract->nr_included && !r; i++)
		r = name_item(extract, &extract->included[i], true);
	return r ? hf_fail(diag, -ENOMEM, "cannot extract objects") : 0;
}
