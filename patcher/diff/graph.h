/*
 * Two objects as one graph, for correlate.h and compare.h.
 *
 * Nodes are the items of both, the original's first; edges are references,
 * followed in both directions. Each node has a label, and labels say when two
 * items are the same thing:
 *
 *	partners (item->twin)      the label of the original one
 *	data without identity      the class of its content, see graph_label()
 *	all others                 a label of their own
 */
#pragma once

#include "unit.h"

/* Only nodes of one family can be partners. */
enum family {
	FAMILY_FUNCTION,
	FAMILY_IFUNC,
	FAMILY_COLD,
	FAMILY_STATE,	 /* data that can change */
	FAMILY_THREAD,	 /* thread-local data */
	FAMILY_CONST,	 /* read-only data with a name */
	FAMILY_CONTENT,	 /* read-only data without identity: content counts */
	FAMILY_EXTERNAL,
};

#define NO_NODE SIZE_MAX

struct node {
	struct item *item;
	enum family family;
	bool patched; /* of the patched object */
	char *base;   /* item_base_name(); without a name, the section's */
	size_t label;
	size_t *to;	/* node of each reference; NO_NODE: none */
	size_t *users;	/* nodes that refer to it, once for each reference */
	size_t nr_users;
};

struct graph {
	struct unit *original, *patched;
	struct node *nodes;
	size_t nr;
	size_t nr_original; /* nodes before that index are the original's */
	struct node **by_item; /* by address of the item */
	size_t *edges; /* what the nodes' `to` and `users` point into */
};

int graph_create(struct unit *original, struct unit *patched,
		 struct graph **ret_graph);
void graph_free(struct graph *graph);
DEFINE_CLEANUP(struct graph, graph_free)

/* NULL when it is of neither unit. */
struct node *graph_node(const struct graph *graph, const struct item *item);
/* The partner; NULL: none. */
struct node *graph_twin(const struct graph *graph, const struct node *node);
static inline size_t graph_index(const struct graph *graph,
				 const struct node *node)
{
	return (size_t)(node - graph->nodes);
}

/* Whether a part of its name is a number that the compiler dealt out. */
bool node_is_numbered(const struct node *node);
/* Functions and data of equal scope and origin: both unknown, or the same. */
bool node_same_scope(const struct node *a, const struct node *b);
/* Both are static, in other files of what was optimised at link time. */
bool node_other_origin(const struct node *a, const struct node *b);

/**
 * graph_label() - give labels
 * @hopeful: nodes without partner get one label for all of their family, scope
 *	     and base name: "may still become partners". Otherwise they are the
 *	     same as nothing else.
 *
 * Content classes are the coarsest in which members have equal bytes, and
 * references of equal shape to things of equal label: so cycles end, and
 * content is compared however deep it is.
 */
int graph_label(struct graph *graph, bool hopeful);

/* Equal bytes and references, by the labels of what they lead to. */
bool graph_same_content(const struct graph *graph, const struct node *a,
			const struct node *b);
/* <0, 0, >0: an order of contents; 0 exactly when graph_same_content(). */
int graph_order_content(const struct graph *graph, const struct node *a,
			const struct node *b);
/* The same for two references, but for what they lead to. */
int reference_order(const struct reference *a, const struct reference *b);
/* Whether the bytes alone are equal; none are zeros. */
bool item_same_bytes(const struct item *a, const struct item *b);
