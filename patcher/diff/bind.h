/*
 * Where in the target an item of a rebuilt object lives.
 *
 * The original object and the target were made from the same source, so the
 * names are the same, numbers too. A global name means the target's global; a
 * local one the target's local of that name in the same source file (STT_FILE,
 * and by DWARF the path of the unit where two files share a base name), of the
 * same kind and size; several of one name in one file are told apart by order
 * and size, functions by their code. What the target does not define is
 * exported by one of its libraries.
 */
#pragma once

#include "change.h"

enum binding_kind {
	BINDING_NONE,	  /* nothing of that name */
	BINDING_TARGET,	  /* `symbol` of the target, at `vaddr` */
	BINDING_EXPORTED, /* of a library of the target's: `exported` */
	BINDING_AMBIGUOUS,/* several, cannot be told apart: `nr_candidates` */
};

struct binding {
	enum binding_kind kind;
	const struct symbol *symbol;
	uint64_t vaddr; /* of the item's first byte; STT_TLS: block offset */
	struct exported exported;
	const char *name; /* that was looked for: the item's, as a rule */
	size_t nr_candidates;
};

/**
 * bind_item() - @item is of pair->original; or external, of either unit
 *
 * Strings, constants and tables have no name: BINDING_NONE.
 *
 * Return: 0; -ENOMEM.
 */
int bind_item(const struct build *build, const struct unit_pair *pair,
	      const struct item *item, struct binding *ret_binding);
