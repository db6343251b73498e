#include "bind_learn.h"

#include <errno.h>
#include <string.h>

#include "identity_walk.h"
#include "target_alike.h"

struct learner {
	const struct build *build;
	const struct unit_pair *pair;
	struct item **known; /* found in the target, to be followed */
	const struct symbol **symbols;
	size_t nr_known, nr_symbols;
};

static void learner_release(struct learner *learner)
{
	free(learner->known);
	free(learner->symbols);
}

static int add_known(struct learner *learner, struct item *item,
		     const struct symbol *symbol)
{
	struct item **known = array_append(learner->known, learner->nr_known);
	const struct symbol **place =
		array_append(learner->symbols, learner->nr_symbols);

	if (!known || !place)
		return -ENOMEM;
	*known = item;
	*place = symbol;
	item->learned = symbol;
	return 0;
}

static bool is_static(const struct item *item)
{
	return item->name &&
	       (item->binding == STB_LOCAL || item_is_private(item)) &&
	       !item->thread_local &&
	       (item->kind == ITEM_FUNCTION || item->kind == ITEM_VARIABLE);
}

/* The target has something of that name there. */
static int learn(struct learner *learner, const struct item *item,
		 uint64_t vaddr)
{
	bool optimised = learner->pair->original->optimised;
	struct named named;
	int r;

	if (!is_static(item) || item->learned)
		return 0;
	r = optimised ?
		    target_find_alike(learner->build, item->name, &named) :
		    target_find(learner->build, item->name, &named);
	for (size_t i = 0; i < (r ? 0 : named.nr); i++)
		if (named.symbols[i]->vaddr == vaddr &&
		    named.symbols[i]->type != STT_TLS &&
		    (!optimised || target_origin_fits(learner->build, item,
						      named.symbols[i])))
			/* The unit's items are ours to mark. */
			return add_known(learner, (struct item *)item,
					 named.symbols[i]);
	return r;
}

static int learn_from_code(struct learner *learner, const struct item *item,
			   const struct symbol *symbol)
{
	const struct build *build = learner->build;
	const uint8_t *code =
		elf_bytes_at(build->target->file, symbol->vaddr, symbol->size);
	struct walk walk = { 0 };
	int r;

	if (!code || !symbol->size || !item->bytes || !item->size)
		return 0;
	r = identity_walk(build->decoder, learner->pair->original, item, code,
			  symbol->size, symbol->vaddr, &walk);
	for (size_t i = 0; i < (r ? 0 : walk.nr_uses) && !r; i++)
		if (walk.uses[i].meaning == FIELD_ADDRESS)
			r = learn(learner, walk.uses[i].to,
				  walk.uses[i].value -
					  (uint64_t)walk.uses[i].to_offset);
	walk_release(&walk);
	return r;
}

static int learn_from_data(struct learner *learner, const struct item *item,
			   const struct symbol *symbol)
{
	int r = 0;

	if (symbol->type == STT_TLS || symbol->size != item->size)
		return 0;
	for (size_t i = 0; i < item->nr_references && !r; i++) {
		const struct reference *reference = &item->references[i];
		struct target_word word;

		if (reference->type != R_X86_64_64 ||
		    target_word(learner->build,
				symbol->vaddr + reference->offset, &word) ||
		    (word.type != R_X86_64_RELATIVE &&
		     word.type != R_X86_64_NONE))
			continue;
		r = learn(learner, reference->to,
			  word.value - (uint64_t)reference->to_offset);
	}
	return r;
}

/* Those whose name alone says where they are. */
static int learn_unique(struct learner *learner)
{
	const struct unit *unit = learner->pair->original;
	struct binding binding;
	int r = 0;

	for (size_t i = 0; i < unit->nr_items && !r; i++) {
		struct item *item = unit->items[i];

		if (item->kind != ITEM_FUNCTION && item->kind != ITEM_VARIABLE)
			continue;
		r = bind_by_name(learner->build, learner->pair, item, &binding);
		if (!r && binding.kind == BINDING_TARGET)
			r = add_known(learner, item, binding.symbol);
	}
	return r;
}

int bind_learn(const struct build *build, const struct unit_pair *pair)
{
	struct learner learner = { .build = build, .pair = pair };
	int r;

	if (!pair->original || pair->original->learned)
		return 0;
	pair->original->learned = true;
	r = learn_unique(&learner);
	for (size_t i = 0; i < learner.nr_known && !r; i++) {
		const struct item *item = learner.known[i];

		if (item_is_code(item))
			r = learn_from_code(&learner, item, learner.symbols[i]);
		else
			r = learn_from_data(&learner, item, learner.symbols[i]);
	}
	learner_release(&learner);
	return r;
}
