#include "layouts.h"

#include <dwarf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "include_dirs.h"
#include "types.h"

/* A type of the patch, and what the target says to it. */
struct layout {
	Dwarf_Die die;
	int tag;
	const char *name;
	enum { LAYOUT_UNSEEN, LAYOUT_DIFFERS, LAYOUT_EQUAL } verdict;
	struct type_difference difference;
	const char *file; /* of the target's that differs */
	int line;
};

/* Those of one compilation unit of the patch, by name. */
struct layouts {
	struct layout *items;
	size_t nr;
	bool is_home; /* being compared with the replaced function's own unit */
};

static const char *base_name(const char *path)
{
	const char *slash = path ? strrchr(path, '/') : NULL;

	return slash ? slash + 1 : path;
}

static bool is_complete(Dwarf_Die *type)
{
	return !dwarf_hasattr(type, DW_AT_declaration);
}

static bool is_layout(int tag)
{
	return tag == DW_TAG_structure_type || tag == DW_TAG_union_type ||
	       tag == DW_TAG_enumeration_type;
}

/* "struct name {", or "typedef struct {" with the typedef's name. */
static bool layout_of(Dwarf_Die *die, struct layout *ret_layout)
{
	struct layout layout = { .die = *die, .tag = dwarf_tag(die) };

	layout.name = dwarf_diename(die);
	if (!layout.name)
		return false;
	if (layout.tag == DW_TAG_typedef &&
	    (!type_of(die, &layout.die) || dwarf_diename(&layout.die)))
		return false;
	if (!is_layout(dwarf_tag(&layout.die)) || !is_complete(&layout.die))
		return false;
	*ret_layout = layout;
	return true;
}

static int by_name(const void *a, const void *b)
{
	const struct layout *left = a, *right = b;
	int order = strcmp(left->name, right->name);

	return order ? order : left->tag - right->tag;
}

static int collect(Dwarf_Die *unit, struct layouts *layouts)
{
	Dwarf_Die die;

	if (dwarf_child(unit, &die))
		return 0;
	do {
		struct layout layout, *item;

		if (!layout_of(&die, &layout))
			continue;
		item = array_append(layouts->items, layouts->nr);
		if (!item)
			return -ENOMEM;
		*item = layout;
	} while (!dwarf_siblingof(&die, &die));
	if (layouts->nr)
		qsort(layouts->items, layouts->nr, sizeof(*layouts->items),
		      by_name);
	return 0;
}

/* ---- one type ------------------------------------------------------------- */

static bool find_enumerator(Dwarf_Die *type, const char *name,
			    Dwarf_Sword *ret_value)
{
	Dwarf_Attribute attribute;
	Dwarf_Die die;

	if (dwarf_child(type, &die))
		return false;
	do {
		if (dwarf_tag(&die) == DW_TAG_enumerator &&
		    !strcmp(dwarf_diename(&die) ?: "", name))
			return !dwarf_formsdata(dwarf_attr(&die,
							   DW_AT_const_value,
							   &attribute),
						ret_value);
	} while (!dwarf_siblingof(&die, &die));
	return false;
}

/* A fix may bring new enumerators, but the target's keep their values. */
static bool enumerators_equal(Dwarf_Die *old, Dwarf_Die *new,
			      struct type_difference *difference)
{
	Dwarf_Die die;

	if (dwarf_child(old, &die))
		return true;
	do {
		const char *name = dwarf_diename(&die);
		Dwarf_Sword was, is;

		if (!name || !find_enumerator(old, name, &was) ||
		    !find_enumerator(new, name, &is) || was == is)
			continue;
		snprintf(difference->text, sizeof(difference->text),
			 "%s is %ld in the target, %ld in the replacement",
			 name, was, is);
		return false;
	} while (!dwarf_siblingof(&die, &die));
	return true;
}

/* Feature macros change names of members there (__fds_bits), never their place. */
static bool sizes_equal(Dwarf_Die *old, Dwarf_Die *new,
			struct type_difference *ret_difference)
{
	int was = dwarf_bytesize(old), is = dwarf_bytesize(new);

	*ret_difference = (struct type_difference){ 0 };
	if (was == is)
		return true;
	snprintf(ret_difference->text, sizeof(ret_difference->text),
		 "%d bytes in the target, %d in the replacement", was, is);
	return false;
}

static bool layouts_equal(Dwarf_Die *old, Dwarf_Die *new,
			  struct type_difference *ret_difference)
{
	const char *file = dwarf_decl_file(new);

	if (file && include_is_of_system(file))
		return sizes_equal(old, new, ret_difference);
	return types_equal(old, new, ret_difference) &&
	       (dwarf_tag(old) != DW_TAG_enumeration_type ||
		enumerators_equal(old, new, ret_difference));
}

/* Other files of the target may call things of their own the same. */
static bool same_header(Dwarf_Die *a, Dwarf_Die *b)
{
	const char *left = base_name(dwarf_decl_file(a));
	const char *right = base_name(dwarf_decl_file(b));

	return left && right && !strcmp(left, right);
}

static void compare(const struct layouts *layouts, Dwarf_Die *die)
{
	struct type_difference difference;
	struct layout old, *new;

	if (!layout_of(die, &old) || !layouts->nr)
		return;
	new = bsearch(&old, layouts->items, layouts->nr, sizeof(old), by_name);
	if (!new || new->verdict == LAYOUT_EQUAL ||
	    (!layouts->is_home && !same_header(&old.die, &new->die)))
		return;
	if (layouts_equal(&old.die, &new->die, &difference)) {
		new->verdict = LAYOUT_EQUAL;
	} else if (new->verdict == LAYOUT_UNSEEN) {
		new->verdict = LAYOUT_DIFFERS;
		new->difference = difference;
		new->file = dwarf_decl_file(&old.die);
		dwarf_decl_line(&old.die, &new->line);
	}
}

static void compare_unit(const struct layouts *layouts, Dwarf_Die *unit)
{
	Dwarf_Die die;

	if (dwarf_child(unit, &die))
		return;
	do {
		compare(layouts, &die);
	} while (!dwarf_siblingof(&die, &die));
}

/* ---- a unit of the patch ---------------------------------------------------- */

/* The target's unit of the function that @function of the patch replaces. */
static bool home_of(const struct build *build, const char *function,
		    Dwarf_Die *ret_unit)
{
	for (size_t i = 0; function && i < build->nr_replacements; i++) {
		const struct replacement *replacement = &build->replacements[i];
		const struct debug_entity *entity;
		Dwarf_Die die;

		if (strcmp(replacement->new, function))
			continue;
		entity = debuginfo_entity(build->debuginfo,
					  replacement->old->vaddr);
		return entity &&
		       dwarf_offdie(debuginfo_dwarf(build->debuginfo),
				    entity->die, &die) &&
		       dwarf_diecu(&die, ret_unit, NULL, NULL);
	}
	return false;
}

static void compare_homes(const struct build *build, struct layouts *layouts,
			  Dwarf_Die *unit)
{
	Dwarf_Die die, home;

	layouts->is_home = true;
	if (dwarf_child(unit, &die))
		return;
	do {
		if (dwarf_tag(&die) == DW_TAG_subprogram &&
		    home_of(build, dwarf_diename(&die), &home))
			compare_unit(layouts, &home);
	} while (!dwarf_siblingof(&die, &die));
}

/* Keeps those that are still without an answer, for another round. */
static struct layouts take_unseen(struct layouts *layouts)
{
	struct layouts unseen = { 0 };

	for (size_t i = 0; i < layouts->nr; i++)
		if (layouts->items[i].verdict == LAYOUT_UNSEEN)
			layouts->items[unseen.nr++] = layouts->items[i];
	unseen.items = layouts->items;
	return unseen;
}

static void compare_others(const struct build *build,
			   const struct layouts *layouts)
{
	Dwarf *dwarf = debuginfo_dwarf(build->debuginfo);
	Dwarf_CU *unit = NULL;
	Dwarf_Die die;

	while (layouts->nr && !dwarf_get_units(dwarf, unit, &unit, NULL, NULL,
					       &die, NULL))
		compare_unit(layouts, &die);
}

static int refuse(const struct layout *layout, struct hf_diag *diag)
{
	static const char *const words[] = {
		[DW_TAG_structure_type] = "struct ",
		[DW_TAG_union_type] = "union ",
		[DW_TAG_enumeration_type] = "enum ",
		[DW_TAG_typedef] = "",
	};
	Dwarf_Die die = layout->die;
	int line = 0;

	dwarf_decl_line(&die, &line);
	hf_refuse(diag, "type-mismatch", "%s%s is another one than the target's",
		  words[layout->tag], layout->name);
	if (*layout->difference.text)
		hf_detail(diag, "  (%s)", layout->difference.text);
	hf_detail(diag, "  in the target:   %s:%d", layout->file ?: "?",
		  layout->line);
	hf_detail(diag, "  the replacement: %s:%d",
		  dwarf_decl_file(&die) ?: "?", line);
	hf_hint(diag, "compile with the macros of the target's build: -DNAME "
		      "after --, or --compile-commands FILE");
	hf_hint(diag, "if it is the patch's own, give it another name");
	return -ECANCELED;
}

static int verdict(const struct layouts *layouts, size_t *nr_equal,
		   struct hf_diag *diag)
{
	for (size_t i = 0; i < layouts->nr; i++) {
		if (layouts->items[i].verdict == LAYOUT_DIFFERS)
			return refuse(&layouts->items[i], diag);
		*nr_equal += layouts->items[i].verdict == LAYOUT_EQUAL;
	}
	return 0;
}

static int check_unit(const struct build *build, Dwarf_Die *unit,
		      size_t *nr_equal, struct hf_diag *diag)
{
	struct layouts layouts = { 0 }, unseen;
	int r = collect(unit, &layouts);

	if (r) {
		free(layouts.items);
		return hf_fail(diag, r, "cannot compare types");
	}
	compare_homes(build, &layouts, unit);
	r = verdict(&layouts, nr_equal, diag);
	if (!r) {
		unseen = take_unseen(&layouts);
		compare_others(build, &unseen);
		r = verdict(&unseen, nr_equal, diag);
	}
	free(layouts.items);
	return r;
}

int layouts_check(struct build *build, const struct debuginfo *patch,
		  struct hf_diag *diag)
{
	Dwarf *dwarf = debuginfo_dwarf(patch);
	Dwarf_CU *unit = NULL;
	size_t nr_equal = 0;
	Dwarf_Die die;
	int r = 0;

	if (!dwarf || !debuginfo_dwarf(build->debuginfo))
		return 0;
	while (!r &&
	       !dwarf_get_units(dwarf, unit, &unit, NULL, NULL, &die, NULL))
		r = check_unit(build, &die, &nr_equal, diag);
	if (!r && nr_equal &&
	    build_prove(build,
			"%zu structures, unions and enumerations equal the "
			"target's (DWARF)",
			nr_equal))
		r = hf_fail(diag, -ENOMEM, "cannot add a proof");
	return r;
}
