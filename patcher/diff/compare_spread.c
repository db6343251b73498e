/*
 * What becomes changed because something else is.
 *
 *	changed              takes along
 *	cold part            its function, and all that refer to it
 *	function             its cold part, and what refers to its inside
 *	read-only data       all that refer to it: they need the copy that goes
 *			     into the patch
 *	data that can change nothing: there is one instance, the running one
 *
 * Each node is visited once. Data without identity need not have a partner to
 * be on the way: a table that leads to a changed constant takes its users
 * along, also where it is one of several with that content.
 */
#include <errno.h>
#include <string.h>

#include "compare_parts.h"

struct spread {
	struct graph *graph;
	size_t *queue, nr; /* every node at most once */
	bool *queued;
	int error;
};

static void enqueue(struct spread *spread, size_t index)
{
	if (index == NO_NODE || spread->queued[index])
		return;
	spread->queued[index] = true;
	spread->queue[spread->nr++] = index;
}

static void enqueue_both(struct spread *spread, const struct node *node)
{
	const struct node *twin = graph_twin(spread->graph, node);

	enqueue(spread, graph_index(spread->graph, node));
	if (twin)
		enqueue(spread, graph_index(spread->graph, twin));
}

/* @because: what the reason names; NULL: nothing. */
static void take_along(struct spread *spread, struct node *node, enum why why,
		       const struct item *because)
{
	char *detail = NULL;

	/* New, or gone: compared with nothing. */
	if (!node->item->twin && node->family != FAMILY_CONTENT)
		return;
	if (because && node->item->verdict == VERDICT_SAME) {
		detail = describe(because);
		if (!detail)
			spread->error = -ENOMEM;
	}
	mark_changed(node->item, why, detail);
	enqueue_both(spread, node);
}

/* It is @function's own: travels with it in any case. */
static bool is_part_of(const struct node *node, const struct node *function)
{
	return node == function || node->item->parent == function->item;
}

static bool refers_inside(const struct spread *spread, const struct node *node,
			  const struct node *function)
{
	size_t index = graph_index(spread->graph, function);

	for (size_t i = 0; i < node->item->nr_references; i++)
		if (node->to[i] == index &&
		    node->item->references[i].to_offset)
			return true;
	return false;
}

static struct node *user_at(const struct spread *spread,
			    const struct node *node, size_t i)
{
	return &spread->graph->nodes[node->users[i]];
}

static void spread_content(struct spread *spread, const struct node *node)
{
	for (size_t i = 0; i < node->nr_users; i++) {
		struct node *user = user_at(spread, node, i);

		take_along(spread, user,
			   item_is_code(user->item) ? WHY_CONSTANT :
						      WHY_REFERENCE,
			   node->item);
	}
}

static void spread_cold(struct spread *spread, const struct node *cold)
{
	const struct item *function = cold->item->parent;

	if (function)
		take_along(spread, graph_node(spread->graph, function),
			   WHY_COLD, NULL);
	for (size_t i = 0; i < cold->nr_users; i++) {
		struct node *user = user_at(spread, cold, i);

		if (user->item == function)
			continue;
		if (!function || user->item->parent != function)
			take_along(spread, user, WHY_REFERENCE, cold->item);
	}
}

static void spread_function(struct spread *spread, const struct node *function)
{
	for (size_t i = 0; i < function->item->nr_references; i++) {
		struct node *part;

		if (function->to[i] == NO_NODE)
			continue;
		part = &spread->graph->nodes[function->to[i]];
		if (part->item->kind == ITEM_COLD && is_part_of(part, function))
			take_along(spread, part, WHY_COLD, NULL);
	}
	for (size_t i = 0; i < function->nr_users; i++) {
		struct node *user = user_at(spread, function, i);

		if (!is_part_of(user, function) &&
		    refers_inside(spread, user, function))
			take_along(spread, user, WHY_REFERENCE, function->item);
	}
}

static void spread_from(struct spread *spread, const struct node *node)
{
	switch (node->family) {
	case FAMILY_FUNCTION:
	case FAMILY_IFUNC:
		spread_function(spread, node);
		break;
	case FAMILY_COLD:
		spread_cold(spread, node);
		break;
	case FAMILY_CONST:
	case FAMILY_CONTENT:
		spread_content(spread, node);
		break;
	case FAMILY_EXTERNAL:
		/* Only select_constants.c says so. */
		if (node->item->why == WHY_CONSTANT)
			spread_content(spread, node);
		break;
	case FAMILY_STATE:
	case FAMILY_THREAD:
		break;
	}
}

int compare_spread(struct graph *graph)
{
	owned(free_p) size_t *queue = calloc(graph->nr + 1, sizeof(*queue));
	owned(free_p) bool *queued = calloc(graph->nr + 1, sizeof(*queued));
	struct spread spread = { .graph = graph, .queue = queue,
				 .queued = queued };

	if (!queue || !queued)
		return -ENOMEM;
	for (size_t i = 0; i < graph->nr; i++)
		if (graph->nodes[i].item->verdict == VERDICT_CHANGED)
			enqueue(&spread, i);
	for (size_t i = 0; i < spread.nr && !spread.error; i++)
		spread_from(&spread, &graph->nodes[queue[i]]);
	return spread.error;
}
