#include "static_local.h"

#include <dwarf.h>
#include <errno.h>
#include <string.h>

bool static_local_is(const char *symbol, const char *variable)
{
	size_t size = strlen(variable);

	return !strncmp(symbol, variable, size) && symbol[size] == '.' &&
	       symbol[size + 1] &&
	       !symbol[size + 1 + strspn(symbol + size + 1, "0123456789")];
}

/* Also inside the blocks of the function, not in what was inlined into it. */
static bool find_variable(Dwarf_Die *scope, const char *name,
			  uint64_t *ret_vaddr)
{
	Dwarf_Die die;

	if (dwarf_child(scope, &die))
		return false;
	do {
		const char *die_name = dwarf_diename(&die);

		if (dwarf_tag(&die) == DW_TAG_variable && die_name &&
		    !strcmp(die_name, name) &&
		    debuginfo_static_address(&die, ret_vaddr))
			return true;
		if (dwarf_tag(&die) == DW_TAG_lexical_block &&
		    find_variable(&die, name, ret_vaddr))
			return true;
	} while (!dwarf_siblingof(&die, &die));
	return false;
}

/*
 * A function that was inlined somewhere has its static variables in its
 * abstract instance.
 */
static bool find_in_function(const struct build *build,
			     const struct symbol *function, const char *name,
			     uint64_t *ret_vaddr)
{
	const struct debug_entity *entity =
		debuginfo_entity(build->debuginfo, function->vaddr);
	Dwarf *dwarf = debuginfo_dwarf(build->debuginfo);
	Dwarf_Attribute attribute;
	Dwarf_Die die, origin;

	if (!entity || !dwarf_offdie(dwarf, entity->die, &die))
		return false;
	if (find_variable(&die, name, ret_vaddr))
		return true;
	return dwarf_attr(&die, DW_AT_abstract_origin, &attribute) &&
	       dwarf_formref_die(&attribute, &origin) &&
	       find_variable(&origin, name, ret_vaddr);
}

static int add_match(struct symbol_matches *matches,
		     const struct symbol *symbol)
{
	const struct symbol **match =
		array_append(matches->entries, matches->nr);

	if (!match)
		return -ENOMEM;
	*match = symbol;
	return 0;
}

/* Those called VARIABLE.N; at @vaddr, or anywhere when it is 0. */
static int collect(const struct build *build, const char *variable,
		   const char *source, uint64_t vaddr,
		   struct symbol_matches *matches)
{
	int r = 0;

	for (size_t i = 0; i < build->symbols.nr && !r; i++) {
		const struct symbol *symbol = &build->symbols.entries[i];
		const char *path = symbol_source(&build->symbols, symbol);

		if (!static_local_is(symbol->name, variable))
			continue;
		/* Where no source is known, the function's was right. */
		if (vaddr ? symbol->vaddr == vaddr :
			    !path || source_matches(path, source))
			r = add_match(matches, symbol);
	}
	return r;
}

int static_local_find(const struct build *build, const char *name,
		      const char *source, struct symbol_matches *ret_matches)
{
	const char *variable = strrchr(name, '.') + 1;
	owned(free_p) char *function =
		strndup(name, (size_t)(variable - 1 - name));
	struct symbol_matches functions = { 0 };
	uint64_t vaddr = 0;
	int r = function ? symbols_find(&build->symbols, function, source,
					&functions) :
			   -ENOMEM;

	if (!r && functions.nr == 1)
		find_in_function(build, functions.entries[0], variable,
				 &vaddr);
	if (!r && functions.nr)
		r = collect(build, variable, source, vaddr, ret_matches);
	symbol_matches_release(&functions);
	return r;
}
