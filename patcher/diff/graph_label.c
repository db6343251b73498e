/*
 * Labels: when two items are the same thing.
 *
 * Content classes are found by refinement. At first all data without identity
 * is in one class; each round parts those whose bytes differ, or whose
 * references lead to different labels, until a round parts nothing. What is
 * then in one class cannot be told apart by any reader, through any number of
 * references; data that refers to itself in a circle needs no special case.
 *
 * Labels of different kinds never meet: nodes have their index, groups of nodes
 * nr + the index of their first, classes 2 * nr + a number.
 */
#include "graph.h"

#include <errno.h>
#include <string.h>

static int order(uint64_t a, uint64_t b)
{
	return a == b ? 0 : a < b ? -1 : 1;
}

static bool is_zero(const uint8_t *bytes, uint64_t size)
{
	for (uint64_t i = 0; i < size; i++)
		if (bytes[i])
			return false;
	return true;
}

bool item_same_bytes(const struct item *a, const struct item *b)
{
	if (a->size != b->size)
		return false;
	if (a->bytes && b->bytes)
		return !memcmp(a->bytes, b->bytes, a->size);
	if (a->bytes || b->bytes)
		return is_zero(a->bytes ?: b->bytes, a->size);
	return true;
}

/* No bytes are zeros: the least of all contents. */
static int order_bytes(const struct item *a, const struct item *b)
{
	if (a->size != b->size)
		return order(a->size, b->size);
	if (item_same_bytes(a, b))
		return 0;
	if (!a->bytes || !b->bytes)
		return a->bytes ? 1 : -1;
	return memcmp(a->bytes, b->bytes, a->size);
}

/*
 * What the assembler writes for a call depends on whether the symbol is local.
 * The instruction is the same, and so is where it leads.
 */
static uint32_t type_of(const struct reference *reference)
{
	return reference->type == R_X86_64_PLT32 ? R_X86_64_PC32 :
						   reference->type;
}

int reference_order(const struct reference *a, const struct reference *b)
{
	return order(a->offset, b->offset) ?:
	       order(type_of(a), type_of(b)) ?:
	       order((uint64_t)a->to_offset, (uint64_t)b->to_offset) ?:
	       order((uint64_t)a->bias, (uint64_t)b->bias);
}

static uint64_t label_of(const struct graph *graph, size_t index)
{
	return index == NO_NODE ? NO_NODE : graph->nodes[index].label;
}

static int order_references(const struct graph *graph, const struct node *a,
			    const struct node *b)
{
	size_t nr = a->item->nr_references;
	int r = order(nr, b->item->nr_references);

	for (size_t i = 0; i < nr && !r; i++)
		r = reference_order(&a->item->references[i],
				    &b->item->references[i]) ?:
			    order(label_of(graph, a->to[i]),
				  label_of(graph, b->to[i]));
	return r;
}

int graph_order_content(const struct graph *graph, const struct node *a,
			const struct node *b)
{
	return order_bytes(a->item, b->item) ?: order_references(graph, a, b);
}

bool graph_same_content(const struct graph *graph, const struct node *a,
			const struct node *b)
{
	return item_same_bytes(a->item, b->item) &&
	       !order_references(graph, a, b);
}

/* ---- classes of content ------------------------------------------------- */

/* The old label leads, so that classes are only ever divided. */
static int by_class(const void *a, const void *b, void *context)
{
	const struct graph *graph = context;
	const struct node *left = &graph->nodes[*(const size_t *)a];
	const struct node *right = &graph->nodes[*(const size_t *)b];

	return order(left->label, right->label) ?:
	       graph_order_content(graph, left, right);
}

/* One round. @fresh: room for a label each. Return: number of classes. */
static size_t divide(struct graph *graph, size_t *members, size_t nr,
		     size_t *fresh)
{
	size_t nr_classes = 0;

	qsort_r(members, nr, sizeof(*members), by_class, graph);
	for (size_t i = 0; i < nr; i++) {
		if (!i || by_class(&members[i - 1], &members[i], graph))
			nr_classes++;
		fresh[i] = 2 * graph->nr + nr_classes;
	}
	for (size_t i = 0; i < nr; i++)
		graph->nodes[members[i]].label = fresh[i];
	return nr_classes;
}

static int label_content(struct graph *graph)
{
	owned(free_p) size_t *members = calloc(2 * graph->nr + 1,
					       sizeof(*members));
	size_t nr = 0, nr_classes = 0, nr_before;

	if (!members)
		return -ENOMEM;
	for (size_t i = 0; i < graph->nr; i++)
		if (graph->nodes[i].family == FAMILY_CONTENT) {
			graph->nodes[i].label = 2 * graph->nr;
			members[nr++] = i;
		}
	do {
		nr_before = nr_classes;
		nr_classes = divide(graph, members, nr, members + graph->nr);
	} while (nr_classes != nr_before);
	return 0;
}

/* ---- groups of nodes that may become partners --------------------------- */

static int by_group(const void *a, const void *b, void *context)
{
	const struct graph *graph = context;
	const struct node *left = &graph->nodes[*(const size_t *)a];
	const struct node *right = &graph->nodes[*(const size_t *)b];

	return order(left->family, right->family) ?:
	       strcmp(left->base, right->base) ?:
	       strcmp(left->item->scope ?: "", right->item->scope ?: "") ?:
	       order(*(const size_t *)a, *(const size_t *)b);
}

static bool same_group(const struct node *a, const struct node *b)
{
	return a->family == b->family && !strcmp(a->base, b->base) &&
	       node_same_scope(a, b);
}

static int label_groups(struct graph *graph)
{
	owned(free_p) size_t *members = calloc(graph->nr + 1, sizeof(*members));
	size_t nr = 0, first = 0;

	if (!members)
		return -ENOMEM;
	for (size_t i = 0; i < graph->nr; i++)
		if (!graph->nodes[i].item->twin &&
		    graph->nodes[i].family != FAMILY_CONTENT)
			members[nr++] = i;
	qsort_r(members, nr, sizeof(*members), by_group, graph);
	for (size_t i = 0; i < nr; i++) {
		struct node *node = &graph->nodes[members[i]];

		if (!same_group(node, &graph->nodes[members[first]]))
			first = i;
		node->label = graph->nr + members[first];
	}
	return 0;
}

int graph_label(struct graph *graph, bool hopeful)
{
	int r = 0;

	for (size_t i = 0; i < graph->nr; i++) {
		struct node *node = &graph->nodes[i];
		const struct node *twin =
			node->patched ? graph_twin(graph, node) : NULL;

		node->label = twin ? graph_index(graph, twin) : i;
	}
	if (hopeful)
		r = label_groups(graph);
	return r ?: label_content(graph);
}
