#include "knowledge.h"

#include <dwarf.h>
#include <string.h>

#include "callers.h"

const char *knowledge_producer(const struct build *build,
			       const struct symbol *function)
{
	const struct debug_entity *entity =
		debuginfo_entity(build->debuginfo, function->vaddr);
	Dwarf_Attribute attribute;
	Dwarf_Die die, unit;
	const char *producer = NULL;

	if (entity && dwarf_offdie(debuginfo_dwarf(build->debuginfo),
				   entity->die, &die) &&
	    dwarf_diecu(&die, &unit, NULL, NULL))
		producer = dwarf_formstring(dwarf_attr(
			&unit, DW_AT_producer, &attribute));
	return producer ?: "";
}

bool knowledge_calls_by_register(const struct build *build,
				 const struct symbol *function)
{
	return strstr(knowledge_producer(build, function), "-mcmodel=large");
}

bool knowledge_same_source(const struct build *build, const struct symbol *a,
			   const struct symbol *b)
{
	const char *left = symbol_source(&build->symbols, a);
	const char *right = symbol_source(&build->symbols, b);
	const char *producer = knowledge_producer(build, a);

	return !left || !right || strstr(producer, "GNU GIMPLE") ||
	       strstr(producer, "-flto") || source_matches(left, right) ||
	       source_matches(right, left);
}

/*
 * Whether calls in @caller stay what the target's compiler made of them. One
 * that is replaced is compiled anew, but its old code may run on: called as the
 * original, or where the patch was applied in entry mode.
 */
static bool runs_on(const struct build *build, const struct symbol *caller,
		    bool in_entry_mode)
{
	const struct replacement *replacement =
		build_replacement_at(build, caller->vaddr);

	return in_entry_mode || !replacement ||
	       build->manifest->functions[replacement - build->replacements]
		       .calls_original;
}

struct caller_search {
	const struct build *build;
	const struct symbol *function;
	bool in_entry_mode;
	const char *name; /* of a caller that may rely; NULL: none */
};

/* A compiler knows nothing yet of what calls itself. Return: 1 to stop. */
static int check_caller(void *context, const struct symbol *caller)
{
	struct caller_search *search = context;

	if (caller &&
	    (caller->vaddr == search->function->vaddr ||
	     !knowledge_same_source(search->build, search->function, caller) ||
	     !runs_on(search->build, caller, search->in_entry_mode)))
		return 0;
	search->name = caller ? caller->name : "unnamed code";
	return 1;
}

int knowledge_find_caller(const struct build *build,
			  const struct symbol *function, bool in_entry_mode,
			  const char **ret_name)
{
	struct caller_search search = { build, function, in_entry_mode, NULL };
	int r = 0;

	if (knowledge_calls_by_register(build, function))
		search.name = "others in its file";
	else
		r = callers_each(build, function->vaddr, check_caller, &search);
	*ret_name = search.name;
	return r < 0 ? r : 0;
}
