/*
 * The steps of compare.h, and what they share.
 */
#pragma once

#include "graph.h"

/* Whether an item, or its partner, was found not to be the same. */
static inline bool node_is_changed(const struct node *node)
{
	return node->item->verdict != VERDICT_SAME;
}

/**
 * mark_changed() - verdict, reason and detail of an item and its partner
 * @detail: taken over; may be NULL
 *
 * The first reason stays. Items without partner keep their verdict.
 */
void mark_changed(struct item *item, enum why why, char *detail);

/* "%s" of item_describe(); NULL: ENOMEM. */
char *describe(const struct item *item);

/* Everything about partners that can be seen by looking at these two. */
int compare_partners(struct graph *graph);

/* Names of one item that are of two now, or the other way round: neither may be
   redirected alone. When all else is known. */
void compare_names(struct graph *graph);

/* What follows from it for others, until nothing does any more. */
int compare_spread(struct graph *graph);
