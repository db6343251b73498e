#include "change.h"

static void release_pairs(struct change_set *set)
{
	for (size_t i = 0; i < set->nr_pairs; i++) {
		unit_close_p(&set->pairs[i].original);
		unit_close_p(&set->pairs[i].patched);
	}
	free(set->pairs);
}

void change_set_release(struct change_set *set)
{
	for (size_t i = 0; i < set->nr_changes; i++)
		free(set->changes[i].identity.difference);
	free(set->changes);
	free(set->additions);
	release_pairs(set);
	strings_release(&set->left_out);
	notices_release(set->notices, set->nr_notices);
	*set = (struct change_set){ 0 };
}
