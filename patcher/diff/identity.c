/*
 * Both parts are walked first, because tables and branches of one lead into
 * the other. The cold part of the target is where the target's code leads:
 *
 *	object   f ──jne──► f.cold+0x10
 *	target   f ──jne──► 0x4010a0, in the symbol f.cold
 */
#include "identity.h"

#include <errno.h>
#include <string.h>

#include "bind.h"
#include "identity_check.h"

static void check_release(struct check *check)
{
	for (size_t i = 0; i < check->nr_parts; i++)
		walk_release(&check->parts[i]);
	free(check->known);
	free(check->reason);
}

static int set_difference(struct identity *identity, char *text)
{
	if (!text)
		return -ENOMEM;
	identity->difference = text;
	return 0;
}

/* ---- walking ------------------------------------------------------------ */

static int cannot_read(const struct symbol *target, struct identity *identity)
{
	return set_difference(identity,
			      text_format("the target's %s() %s", target->name,
					  target->size ? "has no code in the "
							 "file"
						       : "has no known size"));
}

static int walk_part(struct check *check, const struct item *item,
		     const struct symbol *symbol, struct identity *identity)
{
	const struct build *build = check->build;
	const uint8_t *code =
		symbol->size ? elf_bytes_at(build->target->file, symbol->vaddr,
					    symbol->size)
			     : NULL;
	int r;

	if (!code || symbol->size >= UINT32_MAX)
		return cannot_read(symbol, identity);
	if (!item->bytes || !item->size || item->size >= UINT32_MAX)
		return set_difference(identity,
				      text_format("the rebuilt %s() has no "
						  "code",
						  item->name ?: "?"));
	r = identity_walk(build->decoder, check->pair->original, item, code,
			  symbol->size, symbol->vaddr,
			  &check->parts[check->nr_parts]);
	if (!r)
		check->nr_parts++;
	return r;
}

static const struct item *cold_part(const struct check *check)
{
	const struct unit *unit = check->pair->original;

	for (size_t i = 0; i < unit->nr_items; i++)
		if (unit->items[i]->kind == ITEM_COLD &&
		    unit->items[i]->parent == check->function)
			return unit->items[i];
	return NULL;
}

/* The symbol at which the target's code arrives where ours goes to @cold. */
static const struct symbol *cold_target(const struct check *check,
					const struct item *cold)
{
	const struct walk *part = &check->parts[0];
	struct binding binding;

	for (size_t i = 0; i < part->nr_uses; i++)
		if (part->uses[i].to == cold &&
		    part->uses[i].meaning == FIELD_ADDRESS)
			return symbols_function_at(&check->build->symbols,
						   part->uses[i].value);
	if (bind_item(check->build, check->pair, cold, &binding) ||
	    binding.kind != BINDING_TARGET)
		return NULL;
	return binding.symbol;
}

static int walk_cold(struct check *check, struct identity *identity)
{
	const struct item *cold = cold_part(check);
	const struct symbol *symbol;

	if (!cold)
		return 0;
	symbol = cold_target(check, cold);
	if (!symbol || symbol->vaddr == check->target->vaddr)
		return set_difference(
			identity, text_format("its cold part is not found in "
					      "the target"));
	return walk_part(check, cold, symbol, identity);
}

/* ---- looking at what was met -------------------------------------------- */

static int report(struct check *check, const struct walk *part,
		  uint32_t object_at, uint32_t target_at, const char *reason,
		  struct identity *identity)
{
	return set_difference(
		identity,
		describe_difference(check, part, object_at, target_at, reason));
}

/* Places in code that was not compared to its end say nothing. */
static bool is_pending(const struct check *check, const struct field_use *use)
{
	for (size_t i = 0; i < check->nr_parts; i++)
		if (check->parts[i].stopped)
			return check_part(check, use->to) ||
			       use->to->kind == ITEM_COLD ||
			       use->to->kind == ITEM_TABLE ||
			       item_is_constant(check, use->to);
	return false;
}

static int check_uses(struct check *check, const struct walk *part,
		      struct identity *identity)
{
	for (size_t i = 0; i < part->nr_uses; i++) {
		const struct field_use *use = &part->uses[i];
		int r;

		if (is_pending(check, use))
			continue;
		r = check_use(check, use);
		if (r < 0)
			return r;
		if (!r)
			return report(check, part, use->object_at,
				      use->target_at, check->reason ?: "",
				      identity);
		identity->nr_references++;
	}
	return 0;
}

static int check_part_of(struct check *check, const struct walk *part,
			 struct identity *identity)
{
	int r = check_uses(check, part, identity);

	identity->nr_instructions += part->nr_instructions;
	if (r || identity->difference || !part->stopped)
		return r;
	return report(check, part, part->object_at, part->target_at,
		      part->stopped, identity);
}

static int compare(struct check *check, struct identity *identity)
{
	int r = walk_part(check, check->function, check->target, identity);

	if (!r && !identity->difference && !check->parts[0].stopped)
		r = walk_cold(check, identity);
	for (size_t i = 0; i < check->nr_parts; i++)
		if (!r && !identity->difference)
			r = check_part_of(check, &check->parts[i], identity);
	identity->nr_paths = check->nr_paths;
	return r;
}

int identity_prove(const struct build *build, const struct unit_pair *pair,
		   const struct item *function, const struct symbol *target,
		   struct identity *ret_identity, struct hf_diag *diag)
{
	struct identity identity = { .checked = true };
	struct check check = {
		.build = build,
		.pair = pair,
		.function = function,
		.target = target,
		.tentative = target_entered(build),
	};
	int r = compare(&check, &identity);

	check_release(&check);
	if (r) {
		free(identity.difference);
		return hf_fail(diag, r, "cannot compare %s", function->name);
	}
	identity.proven = !identity.difference;
	*ret_identity = identity;
	return 0;
}

/* ---- a whole object ----------------------------------------------------- */

static int prove_one(const struct build *build, const struct unit_pair *pair,
		     const struct item *function, size_t *nr_proven,
		     size_t *nr_functions, struct hf_diag *diag)
{
	struct identity identity;
	struct binding binding;
	int r = bind_item(build, pair, function, &binding);

	if (r)
		return hf_fail(diag, r, "cannot find %s", function->name);
	if (binding.kind == BINDING_NONE)
		return 0;
	++*nr_functions;
	if (binding.kind != BINDING_TARGET)
		return 0;
	r = identity_prove(build, pair, function, binding.symbol, &identity,
			   diag);
	if (r)
		return r;
	*nr_proven += identity.proven;
	free(identity.difference);
	return 0;
}

int identity_all(const struct build *build, const struct unit_pair *pair,
		 size_t *ret_nr_proven, size_t *ret_nr_functions,
		 struct hf_diag *diag)
{
	size_t nr_proven = 0, nr_functions = 0;
	int r = 0;

	for (size_t i = 0; i < pair->original->nr_items && !r; i++)
		if (pair->original->items[i]->kind == ITEM_FUNCTION)
			r = prove_one(build, pair, pair->original->items[i],
				      &nr_proven, &nr_functions, diag);
	if (r)
		return r;
	*ret_nr_proven = nr_proven;
	*ret_nr_functions = nr_functions;
	return 0;
}
