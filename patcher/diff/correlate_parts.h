/*
 * The steps of correlate.h. Each makes partners of what it is sure of and
 * leaves the rest to the next; none ever parts what are partners.
 */
#pragma once

#include "graph.h"

static inline bool node_is_free(const struct node *node)
{
	return !node->item->twin;
}

static inline void make_partners(struct node *original, struct node *patched)
{
	original->item->twin = patched->item;
	patched->item->twin = original->item;
}

/* Names that the compiler did not number. Return: 0; -ENOMEM. */
int correlate_names(struct graph *graph);

/* Names that it did: by content, users, scope and order. */
int correlate_groups(struct graph *graph);

/* Cold parts, by their functions. */
void correlate_colds(struct graph *graph);

/* Data without identity: by content, then tables by their function. */
int correlate_contents(struct graph *graph);
