#include "graph.h"

#include <errno.h>
#include <string.h>

/*
 * Read-only data that compilers make and nobody can take for something else:
 * switch tables, the names of functions. @base: without numbers.
 */
static bool is_compiler_made(const char *base)
{
	static const char *const names[] = {
		"CSWTCH", "__func__", "__FUNCTION__", "__PRETTY_FUNCTION__",
	};
	static const char clang_table[] = "switch.table.";

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (!strcmp(base, names[i]))
			return true;
	return !strncmp(base, clang_table, sizeof(clang_table) - 1);
}

static enum family family_of_data(const struct item *item, const char *base)
{
	if (item->thread_local)
		return FAMILY_THREAD;
	if (item->writable)
		return FAMILY_STATE;
	if (item->kind != ITEM_VARIABLE || is_compiler_made(base))
		return FAMILY_CONTENT;
	return FAMILY_CONST;
}

static enum family family_of(const struct item *item, const char *base)
{
	switch (item->kind) {
	case ITEM_FUNCTION:
		return item->type == STT_GNU_IFUNC ? FAMILY_IFUNC :
						     FAMILY_FUNCTION;
	case ITEM_COLD:
		return FAMILY_COLD;
	case ITEM_EXTERNAL:
		return FAMILY_EXTERNAL;
	default:
		return family_of_data(item, base);
	}
}

/* What has no name is known by its section. */
static char *base_of(const struct unit *unit, const struct item *item)
{
	const Elf64_Shdr *section;

	if (item->name)
		return item_base_name(item->name);
	section = unit->file ? elf_section_at(unit->file, item->section) : NULL;
	return strdup(section ? elf_section_name(unit->file, section) : "");
}

static int add_nodes(struct graph *graph, const struct unit *unit, size_t first)
{
	for (size_t i = 0; i < unit->nr_items; i++) {
		struct node *node = &graph->nodes[first + i];

		node->item = unit->items[i];
		node->patched = unit == graph->patched;
		node->base = base_of(unit, node->item);
		if (!node->base)
			return -ENOMEM;
		node->family = family_of(node->item, node->base);
		graph->by_item[first + i] = node;
	}
	return 0;
}

static int by_item(const void *a, const void *b)
{
	const struct item *left = (*(struct node *const *)a)->item;
	const struct item *right = (*(struct node *const *)b)->item;

	if (left == right)
		return 0;
	return (uintptr_t)left < (uintptr_t)right ? -1 : 1;
}

struct node *graph_node(const struct graph *graph, const struct item *item)
{
	struct node key = { .item = (struct item *)item };
	const struct node *wanted = &key;
	struct node **found;

	if (!item || !graph->nr)
		return NULL;
	found = bsearch(&wanted, graph->by_item, graph->nr,
			sizeof(*graph->by_item), by_item);
	return found ? *found : NULL;
}

struct node *graph_twin(const struct graph *graph, const struct node *node)
{
	return graph_node(graph, node->item->twin);
}

static size_t count_edges(const struct graph *graph)
{
	size_t nr = 0;

	for (size_t i = 0; i < graph->nr; i++)
		nr += graph->nodes[i].item->nr_references;
	return nr;
}

/* Outgoing edges; counts the incoming ones of each node. */
static size_t *add_references(struct graph *graph, size_t *edges)
{
	for (size_t i = 0; i < graph->nr; i++) {
		struct node *node = &graph->nodes[i];
		const struct item *item = node->item;

		node->to = edges;
		for (size_t k = 0; k < item->nr_references; k++) {
			struct node *to =
				graph_node(graph, item->references[k].to);

			*edges++ = to ? graph_index(graph, to) : NO_NODE;
			if (to)
				to->nr_users++;
		}
	}
	return edges;
}

static void add_users(struct graph *graph, size_t *edges)
{
	for (size_t i = 0; i < graph->nr; i++) {
		graph->nodes[i].users = edges;
		edges += graph->nodes[i].nr_users;
		graph->nodes[i].nr_users = 0;
	}
	for (size_t i = 0; i < graph->nr; i++) {
		const struct node *node = &graph->nodes[i];

		for (size_t k = 0; k < node->item->nr_references; k++) {
			struct node *to;

			if (node->to[k] == NO_NODE)
				continue;
			to = &graph->nodes[node->to[k]];
			to->users[to->nr_users++] = i;
		}
	}
}

static int fill(struct graph *graph)
{
	int r = add_nodes(graph, graph->original, 0);

	if (!r)
		r = add_nodes(graph, graph->patched, graph->nr_original);
	if (r)
		return r;
	if (graph->nr)
		qsort(graph->by_item, graph->nr, sizeof(*graph->by_item),
		      by_item);
	/* Each in both directions. */
	graph->edges = calloc(2 * count_edges(graph) + 1,
			      sizeof(*graph->edges));
	if (!graph->edges)
		return -ENOMEM;
	add_users(graph, add_references(graph, graph->edges));
	return 0;
}

int graph_create(struct unit *original, struct unit *patched,
		 struct graph **ret_graph)
{
	owned(graph_free_p) struct graph *graph = calloc(1, sizeof(*graph));
	int r;

	if (!graph)
		return -ENOMEM;
	graph->original = original;
	graph->patched = patched;
	graph->nr_original = original->nr_items;
	graph->nr = original->nr_items + patched->nr_items;
	graph->nodes = calloc(graph->nr + 1, sizeof(*graph->nodes));
	graph->by_item = calloc(graph->nr + 1, sizeof(*graph->by_item));
	if (!graph->nodes || !graph->by_item)
		return -ENOMEM;
	r = fill(graph);
	if (!r)
		*ret_graph = take_ptr(graph);
	return r;
}

void graph_free(struct graph *graph)
{
	for (size_t i = 0; graph->nodes && i < graph->nr; i++)
		free(graph->nodes[i].base);
	free(graph->nodes);
	free(graph->by_item);
	free(graph->edges);
	free(graph);
}

bool node_is_numbered(const struct node *node)
{
	const struct item *item = node->item;

	/* What other files can see has no such name. */
	return item->name &&
	       (item->binding == STB_LOCAL || item_is_private(item)) &&
	       node->family != FAMILY_EXTERNAL &&
	       strcmp(item->name, node->base) != 0;
}

static bool differ(const char *a, const char *b)
{
	return a != b && (!a || !b || strcmp(a, b) != 0);
}

bool node_same_scope(const struct node *a, const struct node *b)
{
	return !differ(a->item->scope, b->item->scope) &&
	       !differ(item_place(a->item), item_place(b->item));
}

bool node_other_origin(const struct node *a, const struct node *b)
{
	const char *left = item_place(a->item), *right = item_place(b->item);

	return left && right && *left && *right && strcmp(left, right) != 0;
}
