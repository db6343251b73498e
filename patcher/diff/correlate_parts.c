/*
 * Cold parts, and data without identity.
 *
 * The partner of a cold part is that of its function. Strings, constants and
 * tables with equal content are partners; a table whose content changed has
 * that of the same function, so that one can say what changed.
 */
#include "correlate_parts.h"

#include <errno.h>
#include <string.h>

/* ---- parts of a function --------------------------------------------------- */

/* Of tables with a name nobody is the parent. */
static bool is_free_part(const struct node *part, enum item_kind kind,
			 const struct node *function)
{
	if (part->item->kind != kind || !node_is_free(part))
		return false;
	if (kind != ITEM_COLD && part->family != FAMILY_CONTENT)
		return false;
	return kind == ITEM_VARIABLE || part->item->parent == function->item;
}

/*
 * The first free part of that kind that @function refers to; @like: and whose
 * name differs from that one's in numbers only.
 */
static struct node *find_part(const struct graph *graph, enum item_kind kind,
			      const struct node *function,
			      const struct node *like)
{
	for (size_t i = 0; i < function->item->nr_references; i++) {
		struct node *part;

		if (function->to[i] == NO_NODE)
			continue;
		part = &graph->nodes[function->to[i]];
		if (is_free_part(part, kind, function) &&
		    (!like || kind != ITEM_VARIABLE ||
		     !strcmp(part->base, like->base)))
			return part;
	}
	return NULL;
}

static void pair_parts(struct graph *graph, enum item_kind kind)
{
	for (size_t i = 0; i < graph->nr_original; i++) {
		struct node *function = &graph->nodes[i], *twin, *a, *b;

		if (function->item->kind != ITEM_FUNCTION ||
		    node_is_free(function))
			continue;
		twin = graph_twin(graph, function);
		while ((a = find_part(graph, kind, function, NULL)) &&
		       (b = find_part(graph, kind, twin, a)))
			make_partners(a, b);
	}
}

void correlate_colds(struct graph *graph)
{
	pair_parts(graph, ITEM_COLD);
}

/* ---- equal content -------------------------------------------------------- */

struct contents {
	const struct graph *graph;
	size_t *members; /* original's first, within a class */
	size_t nr;
};

static struct node *content_at(const struct contents *contents, size_t i)
{
	return &contents->graph->nodes[contents->members[i]];
}

static int by_label(const void *a, const void *b, void *context)
{
	const struct graph *graph = context;
	size_t left = *(const size_t *)a, right = *(const size_t *)b;
	size_t left_label = graph->nodes[left].label;
	size_t right_label = graph->nodes[right].label;

	if (left_label != right_label)
		return left_label < right_label ? -1 : 1;
	return left == right ? 0 : left < right ? -1 : 1;
}

/* [first, end) is one class: the first with the first, and so on. */
static void pair_class(const struct contents *contents, size_t first,
		       size_t end)
{
	size_t middle = first;

	while (middle < end && !content_at(contents, middle)->patched)
		middle++;
	for (size_t i = first, k = middle; i < middle && k < end; i++, k++)
		make_partners(content_at(contents, i), content_at(contents, k));
}

static void pair_classes(const struct contents *contents)
{
	size_t first = 0;

	for (size_t i = 1; i <= contents->nr; i++) {
		if (i < contents->nr && content_at(contents, i)->label ==
						content_at(contents, first)->label)
			continue;
		pair_class(contents, first, i);
		first = i;
	}
}

static int pair_contents(struct graph *graph)
{
	struct contents contents = { .graph = graph };

	contents.members = calloc(graph->nr + 1, sizeof(*contents.members));
	if (!contents.members)
		return -ENOMEM;
	for (size_t i = 0; i < graph->nr; i++)
		if (graph->nodes[i].family == FAMILY_CONTENT)
			contents.members[contents.nr++] = i;
	qsort_r(contents.members, contents.nr, sizeof(*contents.members),
		by_label, graph);
	if (contents.nr)
		pair_classes(&contents);
	free(contents.members);
	return 0;
}

int correlate_contents(struct graph *graph)
{
	int r = graph_label(graph, false);

	if (!r)
		r = pair_contents(graph);
	if (r)
		return r;
	pair_parts(graph, ITEM_TABLE);
	pair_parts(graph, ITEM_VARIABLE);
	return 0;
}
