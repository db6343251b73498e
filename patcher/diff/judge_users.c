/*
 * Who defines a global name, and who uses it and stays as it is.
 *
 * Objects that are equal in both builds are no pairs of the set. They are asked
 * by their symbol tables; what those define or want, they do in both builds.
 * What was optimised at link time is one pair, and its inputs count for nothing,
 * even where they hold code.
 */
#include <errno.h>
#include <string.h>

#include "judge_parts.h"

/* The pair of an original link input; NULL: it stays as it is. */
static const struct unit_pair *pair_of(const struct change_set *set,
				       const struct link_input *input)
{
	for (size_t i = 0; i < set->nr_pairs; i++)
		if (set->pairs[i].original && set->pairs[i].name == input->name)
			return &set->pairs[i];
	return NULL;
}

static const struct unit_pair *optimised_pair(const struct change_set *set)
{
	for (size_t i = 0; i < set->nr_pairs; i++)
		if (set->pairs[i].original && set->pairs[i].original->optimised)
			return &set->pairs[i];
	return NULL;
}

/* As people call it: by its source, where that is known. */
static const char *words_of(const struct link_input *input)
{
	const char *path = input->compile && input->compile->source ?
				   input->compile->source :
				   input->name;
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/* ---- objects that stay -------------------------------------------------- */

static bool is_global(const Elf64_Sym *symbol)
{
	return ELF64_ST_BIND(symbol->st_info) != STB_LOCAL;
}

/* The global symbol of that name; NULL: none. */
static int find_symbol(const char *path, const char *name,
		       struct elf_file **ret_file, const Elf64_Sym **ret_symbol,
		       struct hf_diag *diag)
{
	struct elf_symbols symbols;
	int r = elf_open(path, ret_file, diag);

	if (r)
		return r;
	*ret_symbol = NULL;
	symbols = elf_symbols(*ret_file, SHT_SYMTAB);
	for (size_t i = 1; i < symbols.nr && !*ret_symbol; i++)
		if (is_global(&symbols.entries[i]) &&
		    !strcmp(elf_symbol_name(*ret_file, &symbols, i), name))
			*ret_symbol = &symbols.entries[i];
	return 0;
}

/* ---- definitions -------------------------------------------------------- */

/* A strong one wins, then the first. */
static void propose(struct definition *best, const struct definition *other)
{
	if (!best->name || (best->weak && !other->weak))
		*best = *other;
}

static void propose_item(struct definition *best, const struct unit *unit,
			 const struct unit_pair *pair, const char *name)
{
	const struct item *item = unit ? unit_find(unit, name) : NULL;

	if (item && item->kind != ITEM_EXTERNAL && item->binding != STB_LOCAL)
		propose(best,
			&(struct definition){ .name = pair->name,
					      .pair = pair,
					      .item = item,
					      .weak = item->binding == STB_WEAK });
}

static int propose_object(struct definition *best,
			  const struct link_input *input, const char *name,
			  struct hf_diag *diag)
{
	owned(elf_close_p) struct elf_file *file = NULL;
	const Elf64_Sym *symbol;
	int r = find_symbol(input->object, name, &file, &symbol, diag);

	if (!r && symbol && symbol->st_shndx != SHN_UNDEF)
		propose(best, &(struct definition){
				      .name = words_of(input),
				      .weak = ELF64_ST_BIND(symbol->st_info) ==
					      STB_WEAK });
	return r;
}

int judge_find_definition(const struct judge *judge, const char *name,
			  bool patched, struct definition *ret_definition,
			  struct hf_diag *diag)
{
	const struct change_set *set = judge->set;
	const struct unit_pair *optimised = optimised_pair(set);
	struct definition best = { 0 };
	int r = 0;

	if (optimised)
		propose_item(&best,
			     patched ? optimised->patched : optimised->original,
			     optimised, name);
	for (size_t i = 0; set->link && i < set->link->nr_inputs && !r; i++) {
		const struct link_input *input = &set->link->inputs[i];
		const struct unit_pair *pair = pair_of(set, input);

		if (input->optimised)
			continue;
		if (pair)
			propose_item(&best,
				     patched ? pair->patched : pair->original,
				     pair, name);
		else
			r = propose_object(&best, input, name, diag);
	}
	for (size_t i = 0; i < set->nr_pairs && patched && !r; i++)
		if (!set->pairs[i].original)
			propose_item(&best, set->pairs[i].patched,
				     &set->pairs[i], name);
	if (!r)
		*ret_definition = best;
	return r;
}

/* ---- users -------------------------------------------------------------- */

/* As which of the names of an item it is referred to: a section has none. */
static const char *name_of(const struct unit *unit,
			   const struct reference *reference)
{
	size_t index = ELF64_R_SYM(reference->rela->r_info);
	const char *name = "";

	if (index && index < unit->symbols.nr)
		name = elf_symbol_name(unit->file, &unit->symbols, index);
	return *name ? name : reference->to->name ?: "";
}

static bool uses(const struct unit *unit, const struct item *item,
		 const char *name)
{
	for (size_t i = 0; i < item->nr_references; i++)
		if (item->references[i].to && item->references[i].rela &&
		    !strcmp(name_of(unit, &item->references[i]), name))
			return true;
	return false;
}

/* What differs is replaced, or is refused elsewhere. */
static bool pair_uses(const struct unit_pair *pair, const char *name)
{
	const struct unit *unit = pair->original;

	for (size_t i = 0; pair->patched && i < unit->nr_items; i++)
		if (unit->items[i]->verdict == VERDICT_SAME &&
		    uses(unit, unit->items[i], name))
			return true;
	return false;
}

static int object_uses(const struct link_input *input, const char *name,
		       bool *ret_uses, struct hf_diag *diag)
{
	owned(elf_close_p) struct elf_file *file = NULL;
	const Elf64_Sym *symbol;
	int r = find_symbol(input->object, name, &file, &symbol, diag);

	if (!r)
		*ret_uses = symbol && symbol->st_shndx == SHN_UNDEF;
	return r;
}

int judge_find_user(const struct judge *judge, const char *name,
		    const char **ret_user, struct hf_diag *diag)
{
	const struct change_set *set = judge->set;
	const struct unit_pair *optimised = optimised_pair(set);
	const char *user = NULL;
	int r = 0;

	if (optimised && pair_uses(optimised, name))
		user = judge_source(judge, optimised);
	for (size_t i = 0; set->link && i < set->link->nr_inputs && !r && !user;
	     i++) {
		const struct link_input *input = &set->link->inputs[i];
		const struct unit_pair *pair = pair_of(set, input);
		bool found = false;

		if (input->optimised)
			continue;
		if (pair)
			found = pair_uses(pair, name);
		else
			r = object_uses(input, name, &found, diag);
		if (found)
			user = pair ? judge_source(judge, pair) :
				      words_of(input);
	}
	if (!r)
		*ret_user = user;
	return r;
}

bool judge_is_exported(const struct judge *judge, const char *name)
{
	const struct target *target = judge->build->target;
	struct elf_symbols symbols;

	if (!target)
		return false;
	symbols = elf_symbols(target->file, SHT_DYNSYM);
	for (size_t i = 1; i < symbols.nr; i++)
		if (symbols.entries[i].st_shndx != SHN_UNDEF &&
		    !strcmp(elf_symbol_name(target->file, &symbols, i), name))
			return true;
	return false;
}
