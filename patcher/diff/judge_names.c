/*
 * Names that go together in one of the builds and not in the other.
 *
 *	the target	f: g:  push %rbp ...	  one entry, one jump for both
 *	patched		f:     push %rbp ...
 *			g:	   mov %edi ...	  here, or in another file
 *
 * The entry is what is redirected: callers of g() would come to the new f(), or
 * those of f() to the new g(). Within one object compare.h has seen it.
 */
#include <errno.h>
#include <string.h>

#include "judge_parts.h"

static const char *name_at(const struct unit *unit, const struct item *item,
			   size_t i)
{
	size_t symbol = i ? item->aliases[i - 1] : item->symbol;

	if (ELF64_ST_BIND(unit->symbols.entries[symbol].st_info) == STB_LOCAL)
		return NULL;
	return elf_symbol_name(unit->file, &unit->symbols, symbol);
}

static bool has_name(const struct unit *unit, const struct item *item,
		     const char *name)
{
	for (size_t i = 0; item->symbol && i <= item->nr_aliases; i++) {
		const char *own = name_at(unit, item, i);

		if (own && !strcmp(own, name))
			return true;
	}
	return false;
}

/* The pair whose new object defines a global name for others; NULL: none. */
static const struct unit_pair *find_definition(const struct change_set *set,
					       const char *name)
{
	for (size_t i = 0; i < set->nr_pairs; i++) {
		const struct unit *unit = set->pairs[i].patched;
		const struct item *item = unit ? unit_find(unit, name) : NULL;

		if (item && item->kind != ITEM_EXTERNAL &&
		    item->binding != STB_LOCAL)
			return &set->pairs[i];
	}
	return NULL;
}

static int add_parted(const struct judge *judge, const struct change *change,
		      const char *name, const struct unit_pair *there,
		      struct strings *found)
{
	return strings_addf(found, "%s() (%s): %s() was the same function, and "
				   "is another one now (%s)",
			    change->original->name,
			    judge_source(judge, change->pair), name,
			    judge_source(judge, there));
}

/* A name that has left, and that something else bears. */
static int judge_change(const struct judge *judge, const struct change *change,
			struct strings *found)
{
	const struct unit_pair *pair = change->pair;
	const struct item *item = change->original;
	int r = 0;

	for (size_t i = 0; item->nr_aliases && i <= item->nr_aliases && !r;
	     i++) {
		const char *name = name_at(pair->original, item, i);
		const struct unit_pair *there;

		if (!name || has_name(pair->patched, change->patched, name))
			continue;
		there = find_definition(judge->set, name);
		if (there && there != pair)
			r = add_parted(judge, change, name, there, found);
	}
	return r;
}

/* What compare.h found of names within one object. */
static int judge_item(const struct judge *judge, const struct unit_pair *pair,
		      const struct item *item, struct strings *found)
{
	char words[256];

	if (!item_is_code(item) || item->why != WHY_BINDING ||
	    (item->twin && !item_is_code(item->twin)))
		return 0;
	return strings_addf(found, "%s (%s): %s",
			    item_describe(item, words, sizeof(words)),
			    judge_source(judge, pair),
			    item->detail ?: "other names go with it");
}

static int judge_pair(const struct judge *judge, const struct unit_pair *pair,
		      struct strings *found)
{
	int r = 0;

	for (size_t i = 0; i < pair->original->nr_items && !r; i++)
		r = judge_item(judge, pair, pair->original->items[i], found);
	return r;
}

static int refuse(const struct strings *found, struct hf_diag *diag)
{
	hf_refuse(diag, "alias-changed",
		  "the diff changes which names mean one function");
	judge_list(found, diag);
	hf_hint(diag, "the target has one entry for both names, or one for "
		      "each, and a patch redirects entries: calls by one name "
		      "would come to the other's code");
	hf_hint(diag, "let the names go together as before, and call new "
		      "functions, with new names, from them");
	return -ECANCELED;
}

int judge_names(struct judge *judge, struct hf_diag *diag)
{
	const struct change_set *set = judge->set;
	struct strings found = { 0 };
	int r = 0;

	for (size_t i = 0; i < set->nr_pairs && !r; i++)
		if (set->pairs[i].original && set->pairs[i].patched)
			r = judge_pair(judge, &set->pairs[i], &found);
	for (size_t i = 0; i < set->nr_changes && !r; i++)
		r = judge_change(judge, &set->changes[i], &found);
	if (!r && found.nr)
		r = refuse(&found, diag);
	strings_release(&found);
	return r;
}
