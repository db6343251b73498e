/*
 * Functions whose prototype changes, and callers that stay.
 *
 * A caller whose object was compiled anew with the new prototype, and came out
 * the same, passes what the new function wants: its bytes are those of the
 * patched program. That is so for all callers in the function's own object, and
 * elsewhere where the debug information of the caller's object declares the
 * function in the new way. Whoever has not heard of the change would call the
 * new function in the old way:
 *
 *	objects that did not change at all, or declare it themselves
 *	objects that no compiler was seen to make
 *	other modules, of a function that a library exports
 *
 * A pointer to another structure is the exception: whoever hands one on has the
 * same bytes, whatever it points to, also in the function's own object.
 */
#include <dwarf.h>
#include <errno.h>
#include <string.h>

#include "../callers.h"
#include "../types.h"
#include "judge_parts.h"
#include "live_types.h"

struct signature {
	struct judge *judge;
	const struct change *change;
	Dwarf_Die old, new;
	struct strings callers; /* those that stay and do not know */
};

/* ---- the callers -------------------------------------------------------- */

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/* Roots differ between the two builds, names below them do not. */
static bool is_of_source(const struct unit_pair *pair, const char *source)
{
	const struct unit *unit = pair->original ?: pair->patched;
	const char *own = pair->original_compile &&
					  pair->original_compile->source ?
				  pair->original_compile->source :
				  unit->source;

	return !source || !own || !strcmp(base_name(own), base_name(source));
}

static bool has_function(const struct unit *unit, const char *name)
{
	const struct item *item = unit ? unit_find(unit, name) : NULL;

	return item && item_is_code(item);
}

static bool is_replaced(const struct change_set *set, const char *name,
			const char *source)
{
	for (size_t i = 0; i < set->nr_changes; i++) {
		const struct change *change = &set->changes[i];
		const struct item *item = change->original;

		if (item->name && !strncmp(item->name, name,
					   strlen(item->name)) &&
		    (!name[strlen(item->name)] ||
		     !strcmp(name + strlen(item->name), ".cold")) &&
		    is_of_source(change->pair, source))
			return true;
	}
	return false;
}

/* Whether the object that a caller is in declares the function as it is now. */
static bool knows(const struct signature *signature,
		  const struct unit_pair *pair)
{
	Dwarf_Die declared, new = signature->new;

	if (pair == signature->change->pair)
		return true;
	return pair->patched &&
	       unit_function_die(pair->patched,
				 signature->change->patched->name, &declared) &&
	       live_prototype_fits(&declared, &new) &&
	       live_prototype_fits(&new, &declared);
}

static bool is_told(const struct signature *signature, const char *caller,
		    const char *source)
{
	const struct change_set *set = signature->judge->set;

	for (size_t i = 0; i < set->nr_pairs; i++) {
		const struct unit_pair *pair = &set->pairs[i];

		if ((has_function(pair->patched, caller) ||
		     has_function(pair->original, caller)) &&
		    is_of_source(pair, source))
			return knows(signature, pair);
	}
	return false;
}

static int check_caller(void *context, const struct symbol *caller)
{
	struct signature *signature = context;
	const struct build *build = signature->judge->build;
	const char *source = caller ? symbol_source(&build->symbols, caller) :
				      NULL;
	owned(free_p) char *line = NULL;

	if (caller &&
	    (is_replaced(signature->judge->set, caller->name, source) ||
	     is_told(signature, caller->name, source)))
		return 0;
	line = caller ? text_format("%s() (%s)", caller->name,
				    source ? base_name(source) : "?") :
			strdup("code without a name");
	return line ? judge_add_once(&signature->callers, line) : -ENOMEM;
}

/* The target's global function of that name, of which there is one. */
static const struct symbol *find_target(const struct build *build,
					const char *name)
{
	for (size_t i = 0; i < build->symbols.nr; i++) {
		const struct symbol *symbol = &build->symbols.entries[i];

		if (symbol->binding != STB_LOCAL &&
		    symbol_class(symbol) == SYMBOL_FUNCTION &&
		    !strcmp(symbol->name, name))
			return symbol;
	}
	return NULL;
}

static int find_callers(struct signature *signature)
{
	const struct build *build = signature->judge->build;
	const struct symbol *target = signature->change->target;

	if (!target)
		target = find_target(build, signature->change->original->name);
	if (!target || !build->target || !build->decoder)
		return 0;
	return callers_each(build, target->vaddr, check_caller, signature);
}

/* ---- callers in its own object, and tables that lead there -------------- */

/* Pointers to pointers, without an end in damaged files. */
#define POINTERS_MAX 16

static bool leads_on(Dwarf_Die *type)
{
	return dwarf_tag(type) == DW_TAG_pointer_type ||
	       dwarf_tag(type) == DW_TAG_array_type;
}

/* What a parameter points to at last; false: to no structure with a name. */
static bool pointed_to(Dwarf_Die *parameter, Dwarf_Die *ret_type)
{
	bool known = type_of(parameter, ret_type) && type_strip(ret_type) &&
		     leads_on(ret_type);

	for (unsigned int i = 0; known && leads_on(ret_type); i++)
		known = i < POINTERS_MAX && type_of(ret_type, ret_type) &&
			type_strip(ret_type);
	return known && is_aggregate_tag(dwarf_tag(ret_type)) &&
	       dwarf_diename(ret_type);
}

/*
 * A pointer to another structure, under another name. The caller's bytes are
 * those of the patched program, but what the running one hands on may have been
 * made as the old structure: types are compared by name, and see nothing.
 */
static bool points_elsewhere(Dwarf_Die *old, Dwarf_Die *new)
{
	static const int tag = DW_TAG_formal_parameter;
	Dwarf_Die left, right, was, is;
	bool more = die_first_child(old, tag, &left) &&
		    die_first_child(new, tag, &right);

	while (more) {
		if (pointed_to(&left, &was) && pointed_to(&right, &is) &&
		    strcmp(dwarf_diename(&was), dwarf_diename(&is)))
			return true;
		more = die_next_child(&left, tag) &&
		       die_next_child(&right, tag);
	}
	return false;
}

static bool refers_to(const struct item *item, const struct item *to)
{
	for (size_t i = 0; i < item->nr_references; i++)
		if (item->references[i].to == to)
			return true;
	return false;
}

static int find_own_callers(struct signature *signature)
{
	const struct change *change = signature->change;
	const struct unit *unit = change->pair->original;
	int r = 0;

	if (!points_elsewhere(&signature->old, &signature->new))
		return 0;
	for (size_t i = 0; i < unit->nr_items && !r; i++) {
		const struct item *item = unit->items[i];
		char words[256];

		if (item == change->original || item->verdict != VERDICT_SAME ||
		    !refers_to(item, change->original))
			continue;
		r = strings_addf(&signature->callers, "%s (%s)",
				 item_describe(item, words, sizeof(words)),
				 judge_source(signature->judge, change->pair));
	}
	return r;
}

/* ---- words -------------------------------------------------------------- */

static void refuse_prototype(struct signature *signature, const char *who,
			     struct hf_diag *diag)
{
	const struct judge *judge = signature->judge;
	owned(free_p) char *was = print_to_text(prototype_print,
					       &signature->old);
	owned(free_p) char *is = print_to_text(prototype_print,
					      &signature->new);

	hf_refuse(diag, "signature-changed",
		  "the prototype of %s() (%s) changes, and %s",
		  signature->change->original->name,
		  judge_source(judge, signature->change->pair), who);
	hf_detail(diag, "  in the target:      %s", was ?: "?");
	hf_detail(diag, "  the patched source: %s", is ?: "?");
}

static int refuse_callers(struct signature *signature, struct hf_diag *diag)
{
	refuse_prototype(signature, "callers that stay know only the old one",
			 diag);
	judge_list(&signature->callers, diag);
	hf_hint(diag, "let the diff change those callers as well; is the "
		      "function declared in one header, which all of them "
		      "include?");
	hf_hint(diag, "or keep the old function as it is, and give the new one "
		      "another name");
	return -ECANCELED;
}

static int refuse_exported(struct signature *signature, struct hf_diag *diag)
{
	refuse_prototype(signature,
			 "programs that use the library call it in the old way",
			 diag);
	hf_hint(diag, "keep the exported function's prototype, and let it call "
		      "a new function with the new one");
	return -ECANCELED;
}

/* ---- one change --------------------------------------------------------- */

static int warn_exported(struct signature *signature)
{
	return judge_warn(signature->judge,
			  "the prototype of %s() changes, and %s exports it:\n"
			  "modules that were loaded must not call it",
			  signature->change->original->name,
			  signature->judge->build->target->name);
}

static int judge_signature(struct signature *signature, struct hf_diag *diag)
{
	const struct build *build = signature->judge->build;
	const char *name = signature->change->original->name;
	int r;

	r = find_own_callers(signature);
	/* All callers of a static function are in its own object. */
	if (!r && signature->change->original->binding != STB_LOCAL)
		r = find_callers(signature);
	if (r)
		return hf_fail(diag, r, "cannot look for callers of %s()",
			       name);
	if (signature->callers.nr)
		return refuse_callers(signature, diag);
	if (signature->change->original->binding == STB_LOCAL ||
	    !judge_is_exported(signature->judge, name))
		return 0;
	return build->target->kind == TARGET_LIBRARY ?
		       refuse_exported(signature, diag) :
		       warn_exported(signature);
}

static int judge_change(struct judge *judge, const struct change *change,
			struct hf_diag *diag)
{
	struct signature signature = { .judge = judge, .change = change };
	int r;

	if (!item_function_die(change->pair->original, change->original,
			       &signature.old) ||
	    !item_function_die(change->pair->patched, change->patched,
			       &signature.new))
		return 0;
	if (live_prototype_fits(&signature.old, &signature.new))
		return 0;
	r = judge_signature(&signature, diag);
	strings_release(&signature.callers);
	return r;
}

int judge_signatures(struct judge *judge, struct hf_diag *diag)
{
	int r = 0;

	for (size_t i = 0; i < judge->set->nr_changes && !r; i++)
		r = judge_change(judge, &judge->set->changes[i], diag);
	return r;
}
