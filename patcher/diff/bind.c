/*
 * Candidates are collected by name and thinned out, one criterion after the
 * other, until one is left. Hard criteria (class, source file) may leave none;
 * soft ones (path, size, table order) choose among several only.
 */
#include "bind.h"

#include <errno.h>
#include <string.h>

#include "../static_local.h"
#include "bind_learn.h"
#include "identity.h"
#include "target_alike.h"
#include "wrapped.h"

struct search {
	const struct build *build;
	const struct unit_pair *pair;
	const struct unit *unit;
	const struct item *item;
	const char *name;
	bool by_name; /* nothing else shall choose */
	const struct symbol **candidates;
	size_t nr;
};

static int add_candidate(struct search *search, const struct symbol *symbol)
{
	const struct symbol **candidate =
		array_append(search->candidates, search->nr);

	if (!candidate)
		return -ENOMEM;
	*candidate = symbol;
	return 0;
}

/* ---- what fits at all --------------------------------------------------- */

static bool in_code(const struct search *search, const struct symbol *symbol)
{
	const Elf64_Shdr *section =
		elf_section_at(search->build->target->file, symbol->section);

	return section && section->sh_flags & SHF_EXECINSTR;
}

static bool class_fits(const struct search *search, const struct symbol *symbol)
{
	const struct item *item = search->item;
	enum symbol_class class = symbol_class(symbol);
	bool thread_local = class == SYMBOL_TLS;

	if (item->kind == ITEM_EXTERNAL)
		return item->type != STT_TLS || thread_local;
	if (item->thread_local || thread_local)
		return item->thread_local && thread_local;
	return item_is_code(item) == (in_code(search, symbol) != 0);
}

static const char *base_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static const char *source_of(const struct search *search)
{
	const struct compile *compile = search->pair->original_compile;

	if (compile && compile->source)
		return compile->source;
	return search->unit->source;
}

/* By STT_FILE, which both compilers and the assembler write. */
static bool file_fits(const struct search *search, const struct symbol *symbol)
{
	const char *file = search->unit->source ?: source_of(search);

	return !file || !symbol->file ||
	       !strcmp(base_of(file), base_of(symbol->file));
}

/* ---- which of them ------------------------------------------------------ */

typedef long (*score_fn)(const struct search *, const struct symbol *);

/* Keeps those with the highest score. */
static void keep_best(struct search *search, score_fn score)
{
	long best = -1;
	size_t kept = 0;

	for (size_t i = 0; i < search->nr && search->nr > 1; i++) {
		long points = score(search, search->candidates[i]);

		if (points > best) {
			best = points;
			kept = 0;
		}
		if (points == best)
			search->candidates[kept++] = search->candidates[i];
	}
	if (search->nr > 1)
		search->nr = kept;
}

/* Aliases, and functions that the linker has folded: one is enough. */
static void drop_aliases(struct search *search)
{
	size_t kept = 0;

	for (size_t i = 0; i < search->nr; i++) {
		const struct symbol *symbol = search->candidates[i];
		size_t k = 0;

		while (k < kept &&
		       search->candidates[k]->vaddr != symbol->vaddr)
			k++;
		if (k == kept)
			search->candidates[kept++] = symbol;
	}
	search->nr = kept;
}

static long score_file_known(const struct search *search,
			     const struct symbol *symbol)
{
	(void)search;
	return symbol->file != NULL;
}

/* Path components at the end that are the same. */
static long score_path(const struct search *search, const struct symbol *symbol)
{
	const char *ours = source_of(search);
	const char *theirs = symbol_source(&search->build->symbols, symbol);

	return ours && theirs ? path_common_end(ours, theirs) : 0;
}

static long score_origin(const struct search *search,
			 const struct symbol *symbol)
{
	return target_origin_score(search->build, search->item, symbol);
}

static long score_size(const struct search *search, const struct symbol *symbol)
{
	return symbol->size == search->item->size;
}

static bool group_has(const struct search *search, uint32_t group,
		      const struct item *item)
{
	struct named named;

	if (target_find(search->build, item->name, &named))
		return false;
	for (size_t i = 0; i < named.nr; i++)
		if (named.symbols[i]->group == group &&
		    (item_is_code(item) ||
		     named.symbols[i]->size == item->size))
			return true;
	return false;
}

/* How many of the unit's static names stand below the same STT_FILE. */
static long score_group(const struct search *search,
			const struct symbol *symbol)
{
	long points = 0;

	for (size_t i = 0; i < search->unit->nr_items && symbol->group; i++) {
		const struct item *item = search->unit->items[i];

		if (item->name && item->binding == STB_LOCAL &&
		    (item_is_code(item) || item->kind == ITEM_VARIABLE))
			points += group_has(search, symbol->group, item);
	}
	return points;
}

/*
 * Names of the compiler's that repeat in one file: the third of the object is
 * the third of the target, when there are equally many.
 */
static void choose_by_order(struct search *search)
{
	size_t nr = 0, position = 0;

	for (size_t i = 0; i < search->unit->nr_items; i++) {
		const struct item *item = search->unit->items[i];

		if (!item->name || item->kind != search->item->kind ||
		    item->binding != STB_LOCAL ||
		    strcmp(item->name, search->item->name))
			continue;
		if (item->symbol < search->item->symbol)
			position++;
		nr++;
	}
	if (nr < 2 || nr != search->nr)
		return;
	search->candidates[0] = search->candidates[position];
	search->nr = 1;
}

/* The only one whose code is the item's. */
static int choose_by_code(struct search *search)
{
	const struct symbol *chosen = NULL;
	size_t nr = 0;
	int r = 0;

	if (search->item->kind != ITEM_FUNCTION || !search->pair->original ||
	    !target_enter(search->build))
		return 0;
	for (size_t i = 0; i < search->nr && !r; i++) {
		struct identity identity = { 0 };

		r = identity_prove(search->build, search->pair, search->item,
				   search->candidates[i], &identity, NULL);
		free(identity.difference);
		if (!r && identity.proven) {
			chosen = search->candidates[i];
			nr++;
		}
	}
	target_leave(search->build);
	if (!r && nr == 1) {
		search->candidates[0] = chosen;
		search->nr = 1;
	}
	return r;
}

/* The one that the target's own code uses. */
static int choose_by_use(struct search *search)
{
	int r = bind_learn(search->build, search->pair);

	if (r || !search->item->learned)
		return r;
	search->candidates[0] = search->item->learned;
	search->nr = 1;
	return 0;
}

/* Neither order nor numbers are the same in two links. */
static int choose_optimised(struct search *search)
{
	keep_best(search, score_origin);
	if (!item_is_code(search->item))
		keep_best(search, score_size);
	return search->nr > 1 ? choose_by_code(search) : 0;
}

static int choose(struct search *search)
{
	int r = 0;

	drop_aliases(search);
	if (search->nr < 2 || search->by_name ||
	    search->item->kind == ITEM_EXTERNAL)
		return 0;
	r = choose_by_use(search);
	if (r || search->nr < 2)
		return r;
	if (search->unit->optimised)
		return choose_optimised(search);
	keep_best(search, score_file_known);
	keep_best(search, score_path);
	if (!item_is_code(search->item))
		keep_best(search, score_size);
	keep_best(search, score_group);
	if (search->nr > 1)
		choose_by_order(search);
	if (search->nr > 1)
		r = choose_by_code(search);
	return r;
}

/* ---- by name ------------------------------------------------------------ */

typedef bool (*fits_fn)(const struct search *, const struct symbol *);

static int collect(struct search *search, const char *name, fits_fn fits)
{
	struct named named;
	int r = target_find(search->build, name, &named);

	search->nr = 0;
	for (size_t i = 0; i < (r ? 0 : named.nr) && !r; i++)
		if (class_fits(search, named.symbols[i]) &&
		    fits(search, named.symbols[i]))
			r = add_candidate(search, named.symbols[i]);
	return r;
}

static bool is_global(const struct search *search, const struct symbol *symbol)
{
	(void)search;
	return symbol->binding != STB_LOCAL;
}

/*
 * Hidden globals are local in the target. GNU ld writes them behind all files,
 * lld below their own.
 */
static bool is_hidden(const struct search *search, const struct symbol *symbol)
{
	(void)search;
	return symbol->binding == STB_LOCAL && !symbol->file;
}

static bool is_local_of_file(const struct search *search,
			     const struct symbol *symbol)
{
	return symbol->binding == STB_LOCAL && file_fits(search, symbol);
}

static bool is_local(const struct search *search, const struct symbol *symbol)
{
	(void)search;
	return symbol->binding == STB_LOCAL;
}

/* "counter" of "counter.1234": in the function that it stands in. */
static int find_renumbered(struct search *search)
{
	const struct item *item = search->item;
	owned(free_p) char *base = item_base_name(search->name);
	owned(free_p) char *name = NULL;
	const char *file = search->unit->source ?: source_of(search);
	struct symbol_matches matches = { 0 };
	int r = 0;

	if (!base)
		return -ENOMEM;
	if (item->kind != ITEM_VARIABLE || !item->scope ||
	    !strcmp(base, search->name))
		return 0;
	name = text_format("%s.%s", item->scope, base);
	if (!name)
		return -ENOMEM;
	r = static_local_find(search->build, name, file ? base_of(file) : "",
			      &matches);
	for (size_t i = 0; i < matches.nr && !r; i++)
		if (class_fits(search, matches.entries[i]) &&
		    matches.entries[i]->size == item->size)
			r = add_candidate(search, matches.entries[i]);
	symbol_matches_release(&matches);
	return r;
}

static int collect_alike(struct search *search)
{
	struct named named;
	int r = target_find_alike(search->build, search->name, &named);

	search->nr = 0;
	for (size_t i = 0; i < (r ? 0 : named.nr) && !r; i++)
		if (class_fits(search, named.symbols[i]) &&
		    target_origin_fits(search->build, search->item,
				       named.symbols[i]))
			r = add_candidate(search, named.symbols[i]);
	return r;
}

/*
 * Of a unit that was optimised at link time. Only what the program exports has
 * a name that other links keep.
 */
static int find_optimised(struct search *search)
{
	const struct item *item = search->item;
	int r = 0;

	if (item->binding != STB_LOCAL && !item_is_private(item))
		r = collect(search, search->name, is_global);
	if (!r && !search->nr)
		r = collect_alike(search);
	return r;
}

static int find_static(struct search *search)
{
	int r = collect(search, search->name, is_local_of_file);

	return r || search->nr ? r : find_renumbered(search);
}

static int find_global(struct search *search)
{
	int r = collect(search, search->name, is_global);

	if (!r && !search->nr)
		r = collect(search, search->name, is_hidden);
	if (!r && !search->nr && search->item->kind != ITEM_EXTERNAL)
		r = collect(search, search->name, is_local_of_file);
	return r;
}

static const struct link_step *link_of(const struct search *search)
{
	const struct change_set *set = search->build->changes;

	return set ? set->link : NULL;
}

/* Defined by the program as a rule; nobody else is asked. */
static int find_wrapper(struct search *search)
{
	owned(free_p) char *name = text_format("__wrap_%s", search->name);

	return name ? collect(search, name, is_global) : -ENOMEM;
}

/*
 * Another object's, or a library's. A static function of that name elsewhere
 * is neither, unless the linker made a hidden one of it: no library has it.
 */
static int find_external(struct search *search, struct binding *binding)
{
	int r;

	if (link_wraps(link_of(search), search->name))
		return find_wrapper(search);
	search->name = link_unwrapped(link_of(search), search->name);
	r = find_global(search);
	if (r || search->nr)
		return r;
	r = target_find_exported(search->build, search->name,
				 &binding->exported);
	/* The target asks for it, too, and no library has it: it is 0. */
	if (!r && !binding->exported.library &&
	    search->item->binding == STB_WEAK &&
	    !search->build->libraries.missing.nr)
		return 0;
	if (!r)
		binding->kind = BINDING_EXPORTED;
	if (r != -ENOENT)
		return r;
	return collect(search, search->name, is_local);
}

/* ---- the answer --------------------------------------------------------- */

static int find(struct search *search, struct binding *binding)
{
	const struct item *item = search->item;
	int r;

	if (item->kind == ITEM_EXTERNAL)
		r = find_external(search, binding);
	else if (search->unit->optimised)
		r = find_optimised(search);
	else if (item->binding != STB_LOCAL)
		r = find_global(search);
	else
		r = find_static(search);
	return r || !search->nr ? r : choose(search);
}

/* A global alias says more than the static name of the same thing. */
static const char *global_alias(const struct unit *unit,
				const struct item *item)
{
	for (size_t i = 0; i < item->nr_aliases; i++) {
		size_t symbol = item->aliases[i];

		if (symbol < unit->symbols.nr &&
		    ELF64_ST_BIND(unit->symbols.entries[symbol].st_info) !=
			    STB_LOCAL)
			return elf_symbol_name(unit->file, &unit->symbols,
					       symbol);
	}
	return NULL;
}

static int find_alias(struct search *search)
{
	const struct item *item = search->item;
	int r = 0;

	if (item->kind == ITEM_EXTERNAL || item->binding != STB_LOCAL)
		return 0;
	search->name = global_alias(search->unit, item);
	if (search->name)
		r = find_global(search);
	if (search->nr != 1)
		search->nr = 0;
	search->name = item->name;
	return r;
}

static void set_binding(const struct search *search, struct binding *binding)
{
	binding->nr_candidates = search->nr;
	if (!search->nr)
		return;
	binding->kind = search->nr > 1 ? BINDING_AMBIGUOUS : BINDING_TARGET;
	if (search->nr > 1)
		return;
	binding->symbol = search->candidates[0];
	binding->vaddr = search->candidates[0]->vaddr;
}

static bool is_bindable(const struct item *item)
{
	return item->name && *item->name && item->kind != ITEM_STRING &&
	       item->kind != ITEM_CONSTANT && item->kind != ITEM_TABLE;
}

static int bind(const struct build *build, const struct unit_pair *pair,
		const struct item *item, bool by_name,
		struct binding *ret_binding)
{
	struct search search = {
		.build = build,
		.pair = pair,
		.unit = pair->original ?: pair->patched,
		.item = item,
		.name = item->name,
		.by_name = by_name,
	};
	struct binding binding = { .kind = BINDING_NONE };
	int r = 0;

	if (is_bindable(item)) {
		r = find_alias(&search);
		if (!r && !search.nr)
			r = find(&search, &binding);
		if (!r)
			set_binding(&search, &binding);
	}
	free(search.candidates);
	binding.name = search.name;
	if (!r)
		*ret_binding = binding;
	return r;
}

int bind_item(const struct build *build, const struct unit_pair *pair,
	      const struct item *item, struct binding *ret_binding)
{
	return bind(build, pair, item, false, ret_binding);
}

int bind_by_name(const struct build *build, const struct unit_pair *pair,
		 const struct item *item, struct binding *ret_binding)
{
	return bind(build, pair, item, true, ret_binding);
}
