/*
 * The steps of select.h.
 */
#pragma once

#include "change.h"

/* An item of a patched object. */
struct candidate {
	struct item *item;
	struct unit_pair *pair;
	bool taken; /* a change or an addition already */
};

struct named_candidate {
	const char *name;
	struct candidate *candidate;
};

struct candidates {
	struct candidate *entries; /* by address of the item */
	size_t nr;
	struct named_candidate *names; /* what other objects can see, sorted */
	size_t nr_names;
};

int candidates_collect(const struct change_set *set,
		       struct candidates *ret_candidates);
void candidates_release(struct candidates *candidates);
struct candidate *candidate_of(const struct candidates *candidates,
			       const struct item *item);
/* The first object's that defines a global name; NULL: none. */
struct candidate *candidate_named(const struct candidates *candidates,
				  const char *name);

/* A copy of it goes into the patch where it is used: it is not what runs. */
bool item_is_copied(const struct item *item);

/* Constants that changed in one object, and code of others that reads them. */
int select_constants(struct change_set *set,
		     const struct candidates *candidates);

/* Why code changed whose own source did not: WHY_INLINED. */
int select_reasons(struct change_set *set);
