/*
 * Partners by names that are in the source.
 *
 * All names of all nodes, aliases too, are sorted; where exactly one node of
 * each object has a name, they are partners. Symbols that speak for their item
 * come before aliases: of f and its alias g that become two functions, f stays
 * f.
 *
 * A variable that moved to another file stands as an external name in one of
 * the two objects. It is the same variable all the same: its value is in the
 * running process. That is said only of names that other files can see.
 */
#include <errno.h>
#include <string.h>

#include "correlate_parts.h"

struct named {
	const char *name;
	struct node *node;
};

struct names {
	struct named *entries;
	size_t nr;
};

static const struct unit *unit_of(const struct graph *graph,
				  const struct node *node)
{
	return node->patched ? graph->patched : graph->original;
}

static size_t count_names(const struct graph *graph)
{
	size_t nr = 0;

	for (size_t i = 0; i < graph->nr; i++)
		nr += 1 + graph->nodes[i].item->nr_aliases;
	return nr;
}

static void add_name(struct names *names, const char *name, struct node *node)
{
	if (name && *name)
		names->entries[names->nr++] = (struct named){ name, node };
}

static void add_aliases(const struct graph *graph, struct names *names,
			struct node *node)
{
	const struct unit *unit = unit_of(graph, node);

	for (size_t i = 0; i < node->item->nr_aliases; i++)
		add_name(names,
			 elf_symbol_name(unit->file, &unit->symbols,
					 node->item->aliases[i]),
			 node);
}

static int by_name(const void *a, const void *b)
{
	const struct named *left = a, *right = b;
	int r = strcmp(left->name, right->name);

	if (r)
		return r;
	if (left->node->family != right->node->family)
		return left->node->family < right->node->family ? -1 : 1;
	return left->node == right->node ? 0 :
	       left->node < right->node	 ? -1 :
					   1;
}

static bool same_kind(const struct named *a, const struct named *b)
{
	return a->node->family == b->node->family && !strcmp(a->name, b->name);
}

/* [first, end) have one name and family. */
static void pair_run(const struct named *first, const struct named *end)
{
	if (end - first == 2 && !first[0].node->patched &&
	    first[1].node->patched && node_is_free(first[0].node) &&
	    node_is_free(first[1].node) &&
	    !node_other_origin(first[0].node, first[1].node))
		make_partners(first[0].node, first[1].node);
}

static void pair_equal(struct names *names)
{
	size_t first = 0;

	qsort(names->entries, names->nr, sizeof(*names->entries), by_name);
	for (size_t i = 1; i <= names->nr; i++) {
		if (i < names->nr &&
		    same_kind(&names->entries[first], &names->entries[i]))
			continue;
		pair_run(&names->entries[first], &names->entries[i]);
		first = i;
	}
}

static void collect(struct graph *graph, struct names *names, bool aliases)
{
	names->nr = 0;
	for (size_t i = 0; i < graph->nr; i++) {
		struct node *node = &graph->nodes[i];

		if (node->family == FAMILY_CONTENT || node_is_numbered(node))
			continue;
		add_name(names, node->item->name, node);
		if (aliases)
			add_aliases(graph, names, node);
	}
}

/* ---- variables that moved ----------------------------------------------- */

static bool is_shared_state(const struct node *node)
{
	return (node->family == FAMILY_STATE ||
		node->family == FAMILY_THREAD) &&
	       node->item->binding != STB_LOCAL;
}

static bool are_moved(const struct named *a, const struct named *b)
{
	return !strcmp(a->name, b->name) &&
	       a->node->patched != b->node->patched &&
	       ((is_shared_state(a->node) &&
		 b->node->family == FAMILY_EXTERNAL) ||
		(is_shared_state(b->node) &&
		 a->node->family == FAMILY_EXTERNAL));
}

/* Of equal names the families are neighbours. */
static void pair_moved(struct names *names)
{
	for (size_t i = 1; i < names->nr; i++) {
		struct named *a = &names->entries[i - 1];
		struct named *b = &names->entries[i];

		if (!are_moved(a, b) || !node_is_free(a->node) ||
		    !node_is_free(b->node))
			continue;
		if (a->node->patched)
			make_partners(b->node, a->node);
		else
			make_partners(a->node, b->node);
	}
}

/* ---- what relocations without a symbol lead to --------------------------- */

static struct node *find_nowhere(const struct graph *graph, bool patched)
{
	for (size_t i = 0; i < graph->nr; i++) {
		struct node *node = &graph->nodes[i];

		if (node->family == FAMILY_EXTERNAL && !node->item->name &&
		    node->patched == patched)
			return node;
	}
	return NULL;
}

static void pair_nowhere(struct graph *graph)
{
	struct node *original = find_nowhere(graph, false);
	struct node *patched = find_nowhere(graph, true);

	if (original && patched)
		make_partners(original, patched);
}

int correlate_names(struct graph *graph)
{
	struct names names = { 0 };

	names.entries = calloc(count_names(graph) + 1, sizeof(*names.entries));
	if (!names.entries)
		return -ENOMEM;
	collect(graph, &names, false);
	pair_equal(&names);
	collect(graph, &names, true);
	pair_equal(&names);
	pair_moved(&names);
	pair_nowhere(graph);
	free(names.entries);
	return 0;
}
