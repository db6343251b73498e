/*
 * Which item of the patched object is which of the original one.
 *
 * Any pairing is sound, as long as it is one to one: what refers to another
 * partner than before counts as changed and is replaced, too (compare.h). A
 * good pairing only makes the patch smaller. So names come first, then names
 * without the compiler's numbers (item_base_name()); among several candidates
 * the one whose content or whose users correspond: static locals by the
 * functions that they stand in or that refer to them, clones by their callers
 * and their code. Strings and constants are paired by content, tables by their
 * function and content.
 *
 * A function never pairs with data, nor thread-local data with other data;
 * binding may differ (static becomes global).
 */
#pragma once

#include "unit.h"

/* Fills in `twin` on both sides. Return: 0; -ENOMEM. */
int correlate_units(struct unit *original, struct unit *patched,
		    struct hf_diag *diag);
