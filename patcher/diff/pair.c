#include "pair.h"

#include <errno.h>
#include <string.h>

#include "optimised.h"

/* The inputs of a link that have no partner yet. */
struct pool {
	const struct link_step *link;
	bool *used;
};

typedef bool matches_fn(const struct link_input *a, const struct link_input *b);

static bool same_name(const struct link_input *a, const struct link_input *b)
{
	return !strcmp(a->name, b->name);
}

static bool same_source(const struct link_input *a, const struct link_input *b)
{
	return a->compile && b->compile &&
	       !strcmp(a->compile->source, b->compile->source);
}

static bool is_definition(const Elf64_Sym *symbol)
{
	return ELF64_ST_BIND(symbol->st_info) == STB_GLOBAL &&
	       symbol->st_shndx != SHN_UNDEF;
}

static bool defines(const struct elf_file *file, const char *name)
{
	struct elf_symbols symbols = elf_symbols(file, SHT_SYMTAB);

	for (size_t i = 1; i < symbols.nr; i++)
		if (is_definition(&symbols.entries[i]) &&
		    !strcmp(elf_symbol_name(file, &symbols, i), name))
			return true;
	return false;
}

/* A source that has another name: what one object defined, the other does. */
static bool same_definition(const struct link_input *a,
			    const struct link_input *b)
{
	owned(elf_close_p) struct elf_file *left = NULL;
	owned(elf_close_p) struct elf_file *right = NULL;
	struct elf_symbols symbols;

	/* What cannot be read is told of when it is opened as a unit. */
	if (elf_open(a->object, &left, NULL) ||
	    elf_open(b->object, &right, NULL))
		return false;
	symbols = elf_symbols(left, SHT_SYMTAB);
	for (size_t i = 1; i < symbols.nr; i++)
		if (is_definition(&symbols.entries[i]) &&
		    defines(right, elf_symbol_name(left, &symbols, i)))
			return true;
	return false;
}

/* The first free one: two members of one name keep their order. */
static const struct link_input *pool_take(struct pool *pool,
					  const struct link_input *like,
					  matches_fn *matches)
{
	for (size_t i = 0; i < pool->link->nr_inputs; i++) {
		const struct link_input *input = &pool->link->inputs[i];

		if (pool->used[i] || input->optimised || !matches(input, like))
			continue;
		pool->used[i] = true;
		return input;
	}
	return NULL;
}

static int open_unit(const struct link_input *input, struct unit **ret_unit,
		     struct hf_diag *diag)
{
	int r = unit_open(input->object, ret_unit, diag);

	return r ? hf_context(diag, r, "%s", input->name) : 0;
}

static int add_pair(struct change_set *set, const struct link_input *original,
		    const struct link_input *patched, struct hf_diag *diag)
{
	struct unit_pair *pair;
	int r = 0;

	if (original && patched && !strcmp(original->digest, patched->digest))
		return 0;
	pair = array_append(set->pairs, set->nr_pairs);
	if (!pair)
		return hf_fail(diag, -ENOMEM, "cannot pair objects");
	pair->name = (original ?: patched)->name;
	if (original) {
		pair->original_compile = original->compile;
		r = open_unit(original, &pair->original, diag);
	}
	if (patched && !r) {
		pair->patched_compile = patched->compile;
		r = open_unit(patched, &pair->patched, diag);
	}
	return r;
}

/* Names decide for all before any source does: a source may be in two. What has
   neither the name nor the source of before may have been renamed. */
static void find_partners(const struct link_step *original, struct pool *pool,
			  const struct link_input **partners)
{
	static matches_fn *const ways[] = { same_name, same_source,
					    same_definition };

	for (size_t way = 0; way < sizeof(ways) / sizeof(*ways); way++)
		for (size_t i = 0; i < original->nr_inputs; i++)
			if (!original->inputs[i].optimised && !partners[i])
				partners[i] = pool_take(pool,
							&original->inputs[i],
							ways[way]);
}

static int pair_known(const struct link_step *original, struct pool *pool,
		      struct change_set *set, struct hf_diag *diag)
{
	owned(free_p) const struct link_input **partners =
		calloc(original->nr_inputs + 1, sizeof(*partners));
	int r = 0;

	if (!partners)
		return hf_fail(diag, -ENOMEM, "cannot pair objects");
	find_partners(original, pool, partners);
	for (size_t i = 0; i < original->nr_inputs && !r; i++)
		if (!original->inputs[i].optimised)
			r = add_pair(set, &original->inputs[i], partners[i],
				     diag);
	return r;
}

static int pair_new(const struct pool *pool, struct change_set *set,
		    struct hf_diag *diag)
{
	int r = 0;

	for (size_t i = 0; i < pool->link->nr_inputs && !r; i++)
		if (!pool->used[i] && !pool->link->inputs[i].optimised)
			r = add_pair(set, NULL, &pool->link->inputs[i], diag);
	return r;
}

/* ---- what was optimised at link time ------------------------------------ */

static int open_optimised(const struct link_step *link, struct unit **ret_unit,
			  struct hf_diag *diag)
{
	owned(free_p) char *path = NULL;
	int r;

	if (!link->optimised.nr)
		return 0;
	r = optimised_merge(link, &path, diag);
	if (!r)
		r = unit_open_optimised(path, ret_unit, diag);
	return r ? hf_context(diag, r, "%s", link->output) : 0;
}

static int pair_optimised(const struct link_step *original,
			  const struct link_step *patched,
			  struct change_set *set, struct hf_diag *diag)
{
	struct unit_pair *pair;
	int r;

	if (!original->optimised.nr && !patched->optimised.nr)
		return 0;
	pair = array_append(set->pairs, set->nr_pairs);
	if (!pair)
		return hf_fail(diag, -ENOMEM, "cannot pair objects");
	pair->name = original->output;
	pair->original_compile = original->optimiser;
	pair->patched_compile = patched->optimiser;
	r = open_optimised(original, &pair->original, diag);
	return r ?: open_optimised(patched, &pair->patched, diag);
}

int pair_objects(const struct link_step *original,
		 const struct link_step *patched, struct change_set *set,
		 struct hf_diag *diag)
{
	owned(free_p) bool *used = calloc(patched->nr_inputs + 1, sizeof(*used));
	struct pool pool = { patched, used };
	int r;

	if (!used)
		return hf_fail(diag, -ENOMEM, "cannot pair objects");
	set->nr_units = original->nr_inputs;
	set->link = original;
	r = pair_known(original, &pool, set, diag);
	if (!r)
		r = pair_new(&pool, set, diag);
	return r ?: pair_optimised(original, patched, set, diag);
}
