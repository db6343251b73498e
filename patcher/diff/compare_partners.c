/*
 * What differs between two partners, by their own bytes and references.
 *
 * The first difference found is the reason that people see: attributes, bytes,
 * then references from the first on.
 */
#include <errno.h>
#include <string.h>

#include "../array.h"
#include "compare_parts.h"

struct difference {
	enum why why;
	char *detail;
};

static bool is_data(const struct node *node)
{
	return !item_is_code(node->item) && node->family != FAMILY_EXTERNAL;
}

static int say(struct difference *difference, enum why why, char *detail)
{
	difference->why = why;
	difference->detail = detail;
	return detail ? 0 : -ENOMEM;
}

/* ---- references ----------------------------------------------------------- */

/* "f" of "f" and of "f.constprop.1". */
static bool same_source_name(const struct item *a, const struct item *b)
{
	size_t size = a->name ? strcspn(a->name, ".") : 0;

	return size && b->name && size == strcspn(b->name, ".") &&
	       !strncmp(a->name, b->name, size);
}

static bool is_function(const struct item *item)
{
	return item->kind == ITEM_FUNCTION;
}

static char *in_place_of(const struct reference *now,
			 const struct reference *before)
{
	char first[256], second[256];

	item_describe(now->to, first, sizeof(first));
	item_describe(before->to, second, sizeof(second));
	if (before->to->twin != now->to)
		return strcmp(first, second) ?
			       text_format("%s in place of %s", first, second) :
			       text_format("another %s", first);
	return text_format(before->to_offset != now->to_offset ?
				   "another place in %s" :
				   "%s in another way",
			   first);
}

static int say_reference(struct difference *difference,
			 const struct reference *from,
			 const struct reference *into)
{
	const struct item *before = from->to, *now = into->to;

	if (!before || !now) {
		difference->why = WHY_REFERENCE;
		return 0;
	}
	if (now->kind == ITEM_COLD && before->kind == ITEM_COLD) {
		difference->why = WHY_COLD;
		return 0;
	}
	if (item_is_read_only_data(before) && item_is_read_only_data(now))
		return say(difference, WHY_CONSTANT, describe(now));
	if (is_function(before) && is_function(now) && before->twin != now &&
	    same_source_name(before, now))
		return say(difference, WHY_CALLEE, describe(now));
	return say(difference, WHY_REFERENCE, in_place_of(into, from));
}

static bool same_reference(const struct graph *graph,
			   const struct node *original,
			   const struct node *patched, size_t i)
{
	if (reference_order(&original->item->references[i],
			    &patched->item->references[i]))
		return false;
	if (original->to[i] == NO_NODE || patched->to[i] == NO_NODE)
		return original->to[i] == patched->to[i];
	return graph->nodes[original->to[i]].label ==
	       graph->nodes[patched->to[i]].label;
}

static int compare_references(const struct graph *graph,
			      const struct node *original,
			      const struct node *patched,
			      struct difference *difference)
{
	const struct item *a = original->item, *b = patched->item;
	size_t i;

	for (i = 0; i < a->nr_references && i < b->nr_references; i++) {
		if (!same_reference(graph, original, patched, i))
			return say_reference(difference, &a->references[i],
					     &b->references[i]);
	}
	if (a->nr_references != b->nr_references)
		difference->why = WHY_REFERENCE;
	return 0;
}

/* ---- attributes ----------------------------------------------------------- */

static int compare_data_attributes(const struct node *original,
				   const struct node *patched,
				   struct difference *difference)
{
	const struct item *a = original->item, *b = patched->item;

	if (a->size != b->size)
		return say(difference, WHY_SIZE,
			   text_format("%llu bytes, %llu before",
				       (unsigned long long)b->size,
				       (unsigned long long)a->size));
	/* Code made for it may load it with instructions that insist. */
	if (original->family != FAMILY_CONTENT && a->alignment < b->alignment)
		return say(difference, WHY_BINDING,
			   text_format("aligned to %llu bytes, to %llu before",
				       (unsigned long long)b->alignment,
				       (unsigned long long)a->alignment));
	return 0;
}

/* A variable that only one of the two objects defines: correlate_names.c. */
static int compare_moved(const struct node *original,
			 const struct node *patched,
			 struct difference *difference)
{
	if (original->family == patched->family)
		return 0;
	return say(difference, WHY_BINDING,
		   strdup(original->family == FAMILY_EXTERNAL ?
				  "was defined in another file" :
				  "is defined in another file now"));
}

static int find_difference(const struct graph *graph,
			   const struct node *original,
			   const struct node *patched,
			   struct difference *difference)
{
	int r = 0;

	if (original->family == FAMILY_EXTERNAL ||
	    patched->family == FAMILY_EXTERNAL)
		return compare_moved(original, patched, difference);
	/* The whole content, whatever it leads to. */
	if (original->family == FAMILY_CONTENT &&
	    original->label == patched->label)
		return 0;
	if (is_data(original))
		r = compare_data_attributes(original, patched, difference);
	if (r || difference->why)
		return r;
	if (!item_same_bytes(original->item, patched->item)) {
		difference->why = WHY_CODE;
		return 0;
	}
	return compare_references(graph, original, patched, difference);
}

static int compare_pair(struct graph *graph, struct node *original)
{
	const struct node *patched = graph_twin(graph, original);
	struct difference difference = { WHY_NOT, NULL };
	int r;

	if (!patched)
		return 0;
	r = find_difference(graph, original, patched, &difference);
	if (!r && difference.why)
		mark_changed(original->item, difference.why,
			     difference.detail);
	return r;
}

/* ---- names that no longer go together ------------------------------------- */

static const char *name_at(const struct unit *unit, const struct item *item,
			   size_t i)
{
	size_t symbol = i ? item->aliases[i - 1] : item->symbol;

	if (ELF64_ST_BIND(unit->symbols.entries[symbol].st_info) == STB_LOCAL)
		return NULL;
	return elf_symbol_name(unit->file, &unit->symbols, symbol);
}

/* Graver than any other reason. */
static void mark_parted(struct item *item, const char *name)
{
	struct item *twin = item->twin;
	char *detail = text_format("%s does not name the same code or data as "
				   "before",
				   name);

	if (twin) {
		item->verdict = twin->verdict = VERDICT_CHANGED;
		twin->why = WHY_BINDING;
		free(twin->detail);
		twin->detail = detail ? strdup(detail) : NULL;
	}
	item->why = WHY_BINDING;
	free(item->detail);
	item->detail = detail;
}

static bool is_exchangeable(const struct graph *graph, const struct item *a,
			    const struct item *b)
{
	return a->verdict != VERDICT_CHANGED && b->verdict != VERDICT_CHANGED &&
	       graph_same_content(graph, graph_node(graph, a),
				  graph_node(graph, b));
}

/* @name is of @item; the other object may have it somewhere else. */
static void check_name(const struct graph *graph, struct item *item,
		       const struct unit *other_unit, const char *name)
{
	struct item *other = name ? unit_find(other_unit, name) : NULL;

	if (!other || other->kind == ITEM_EXTERNAL || other == item->twin ||
	    is_exchangeable(graph, item, other))
		return;
	mark_parted(item, name);
	mark_parted(other, name);
}

static void check_names(const struct graph *graph, const struct unit *unit,
			const struct unit *other)
{
	for (size_t i = 0; i < unit->nr_items; i++) {
		struct item *item = unit->items[i];

		for (size_t k = 0; item->nr_aliases && k <= item->nr_aliases;
		     k++)
			check_name(graph, item, other, name_at(unit, item, k));
	}
}

void compare_names(struct graph *graph)
{
	check_names(graph, graph->original, graph->patched);
	check_names(graph, graph->patched, graph->original);
}

int compare_partners(struct graph *graph)
{
	int r = 0;

	for (size_t i = 0; i < graph->nr_original && !r; i++)
		r = compare_pair(graph, &graph->nodes[i]);
	return r;
}
