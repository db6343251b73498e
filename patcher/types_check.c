#include "types_check.h"

#include <dwarf.h>
#include <errno.h>
#include <string.h>

#include "layouts.h"
#include "resolve.h"
#include "types.h"

/* The DIE of what a program defines at @vaddr. */
static bool find_die(const struct debuginfo *debuginfo, uint64_t vaddr,
		     Dwarf_Die *ret_die)
{
	const struct debug_entity *entity = debuginfo_entity(debuginfo, vaddr);

	return entity && dwarf_offdie(debuginfo_dwarf(debuginfo), entity->die,
				      ret_die);
}

/*
 * A copy made for other callers may lack parameters; the instance that it was
 * made from has them all.
 */
static void to_abstract(Dwarf_Die *function)
{
	Dwarf_Attribute attribute;
	Dwarf_Die origin;

	if (dwarf_attr(function, DW_AT_abstract_origin, &attribute) &&
	    dwarf_formref_die(&attribute, &origin))
		*function = origin;
}

static int refuse_prototype(const struct manifest_function *function,
			    Dwarf_Die *old, Dwarf_Die *new,
			    const struct type_difference *difference,
			    struct hf_diag *diag)
{
	owned(free_p) char *was = print_to_text(prototype_print, old);
	owned(free_p) char *is = print_to_text(prototype_print, new);

	hf_refuse(diag, "type-mismatch",
		  "%s() takes or returns other types than the function that "
		  "it replaces",
		  function->replacement);
	hf_detail(diag, "  in the target:   %s", was ?: "?");
	hf_detail(diag, "  the replacement: %s", is ?: "?");
	if (*difference->text)
		hf_detail(diag, "  (%s)", difference->text);
	hf_hint(diag, "its callers are compiled for the old prototype: keep "
		      "it (and the layout of its structures)");
	if (*difference->text)
		hf_hint(diag, "if the source is right, compile it with the "
			      "macros of the target's build: -DNAME after --");
	return -ECANCELED;
}

static int check_function(struct build *build, const struct debuginfo *patch,
			  const struct manifest_function *function,
			  struct hf_diag *diag)
{
	struct type_difference difference;
	Dwarf_Die old, new;
	int r;

	if (!find_die(build->debuginfo, function->vaddr, &old) ||
	    !find_die(patch, function->replacement_vaddr, &new)) {
		r = strings_addf(&build->warnings,
				 "%s() has no debug information: its types are "
				 "not checked",
				 function->name) ?:
			    build_prove(build,
					"%s(): types not checked, it has no "
					"debug information",
					function->name);
	} else {
		to_abstract(&old);
		to_abstract(&new);
		if (!prototypes_equal(&old, &new, &difference))
			return refuse_prototype(function, &old, &new,
						&difference, diag);
		r = build_prove(build,
				"%s(): parameter and return types equal the "
				"original's (DWARF)",
				function->name);
	}
	return r ? hf_fail(diag, r, "cannot add a proof") : 0;
}

/* ---- variables of the target -------------------------------------------- */

static int refuse_variable(const struct manifest_import *import, Dwarf_Die *old,
			   Dwarf_Die *new,
			   const struct type_difference *difference,
			   struct hf_diag *diag)
{
	owned(free_p) char *was = print_to_text(type_print, old);
	owned(free_p) char *is = print_to_text(type_print, new);

	hf_refuse(diag, "type-mismatch",
		  "%s is declared with another type than it has in the target",
		  import->name);
	hf_detail(diag, "  in the target:   %s", was ?: "?");
	hf_detail(diag, "  the replacement: %s", is ?: "?");
	if (*difference->text)
		hf_detail(diag, "  (%s)", difference->text);
	hf_hint(diag, "declare it as the target does; its headers do, with the "
		      "-D of its build after --");
	return -ECANCELED;
}

static int refuse_function(const struct manifest_import *import, Dwarf_Die *old,
			   Dwarf_Die *new,
			   const struct type_difference *difference,
			   struct hf_diag *diag)
{
	owned(free_p) char *was = print_to_text(prototype_print, old);
	owned(free_p) char *is = print_to_text(prototype_print, new);

	hf_refuse(diag, "type-mismatch",
		  "%s() is declared with another prototype than it has in the "
		  "target",
		  import->name);
	hf_detail(diag, "  in the target:   %s", was ?: "?");
	hf_detail(diag, "  the replacement: %s", is ?: "?");
	if (*difference->text)
		hf_detail(diag, "  (%s)", difference->text);
	hf_hint(diag, "declare it as the target does");
	return -ECANCELED;
}

static int refuse_declared(const struct manifest_import *import,
			   const char *declared, const char *really,
			   struct hf_diag *diag)
{
	hf_refuse(diag, "symbol-kind",
		  "%s is declared as %s, but in the target it is %s",
		  import->name, declared, really);
	hf_hint(diag, "declare it as the target does");
	return -ECANCELED;
}

static int check_variable(const struct build *build,
			  const struct manifest_import *import,
			  Dwarf_Die *declaration, struct hf_diag *diag)
{
	struct type_difference difference;
	Dwarf_Die old, old_type, new_type;

	if (import->kind == IMPORT_FUNCTION)
		return refuse_declared(import, "a variable", "a function",
				       diag);
	if (import->kind != IMPORT_OBJECT || !import->in_module ||
	    !find_die(build->debuginfo, import->vaddr, &old) ||
	    !type_of(&old, &old_type) || !type_of(declaration, &new_type) ||
	    type_is_open_array(&new_type) ||
	    types_equal(&old_type, &new_type, &difference))
		return 0;
	return refuse_variable(import, &old_type, &new_type, &difference, diag);
}

/*
 * "extern int f();" says nothing about parameters. What stands at the address
 * of an IFUNC is its resolver, whose prototype is another one.
 */
static int check_called(const struct build *build,
			const struct manifest_import *import,
			Dwarf_Die *declaration, struct hf_diag *diag)
{
	struct type_difference difference;
	Dwarf_Die old;

	if (import->kind == IMPORT_OBJECT)
		return refuse_declared(import, "a function", "a variable",
				       diag);
	if (import->kind != IMPORT_FUNCTION || !import->in_module ||
	    !dwarf_hasattr(declaration, DW_AT_prototyped) ||
	    !find_die(build->debuginfo, import->vaddr, &old))
		return 0;
	to_abstract(&old);
	if (prototypes_equal(&old, declaration, &difference))
		return 0;
	return refuse_function(import, &old, declaration, &difference, diag);
}

static int check_declaration(const struct build *build, Dwarf_Die *die,
			     struct hf_diag *diag)
{
	Dwarf_Attribute attribute;
	const struct manifest_import *import;
	const char *name = dwarf_diename(die);
	bool declaration = false;

	if (!name || !dwarf_attr(die, DW_AT_declaration, &attribute) ||
	    dwarf_formflag(&attribute, &declaration) || !declaration)
		return 0;
	import = import_find(build->manifest, name);
	if (!import)
		return 0;
	if (dwarf_tag(die) == DW_TAG_variable)
		return check_variable(build, import, die, diag);
	if (dwarf_tag(die) == DW_TAG_subprogram)
		return check_called(build, import, die, diag);
	return 0;
}

static int check_unit(const struct build *build, Dwarf_Die *unit,
		      struct hf_diag *diag)
{
	Dwarf_Die die;
	int r = 0;

	if (dwarf_child(unit, &die))
		return 0;
	do {
		r = check_declaration(build, &die, diag);
	} while (!r && !dwarf_siblingof(&die, &die));
	return r;
}

/*
 * Renamed imports (two files, two meanings) are passed over: the declaration
 * does not tell which file's it is.
 */
static int check_declarations(const struct build *build,
			      const struct debuginfo *patch,
			      struct hf_diag *diag)
{
	Dwarf *dwarf = debuginfo_dwarf(patch);
	Dwarf_CU *unit = NULL;
	Dwarf_Die die;
	int r = 0;

	for (size_t i = 0; i < build->manifest->nr_imports; i++)
		if (strstr(build->manifest->imports[i].symbol, ".hotfix."))
			return 0;
	while (!r && dwarf &&
	       !dwarf_get_units(dwarf, unit, &unit, NULL, NULL, &die, NULL))
		r = check_unit(build, &die, diag);
	return r;
}

int types_check(struct build *build, struct hf_diag *diag)
{
	owned(debuginfo_close_p) struct debuginfo *patch = NULL;
	int r = debuginfo_open_file(build->linked, &patch, diag);

	if (r)
		return r;
	if (!debuginfo_dwarf(build->debuginfo)) {
		if (build_prove(build, "types and inlining not checked: the "
				       "target has no debug information") ||
		    strings_addf(&build->warnings,
				 "%s has no debug information: parameter "
				 "types and inlined copies are not checked "
				 "(--debuginfo FILE names it)",
				 build->target->name))
			return hf_fail(diag, -ENOMEM, "cannot add a proof");
	}
	for (size_t i = 0; i < build->manifest->nr_functions && !r; i++)
		if (debuginfo_dwarf(build->debuginfo))
			r = check_function(build, patch,
					   &build->manifest->functions[i],
					   diag);
	return r ?: layouts_check(build, patch, diag) ?:
		    check_declarations(build, patch, diag);
}
