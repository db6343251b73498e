/*
 * What goes into the patch.
 *
 * Every function that is changed and has an original replaces it. From those
 * everything is followed that they refer to:
 *
 *	same function, variable          the running original's (bind.h)
 *	string, constant, table          a copy in the patch
 *	read-only variable that changed  a copy
 *	added function or variable       into the patch, and followed; also when
 *	                                 another object defines it
 *	replaced function                the running original's entry, which
 *	                                 leads to the replacement: pointers stay
 *	                                 comparable, later patches are obeyed
 *	changed writable variable        the running original's (judge.h has
 *	                                 refused before, or was overruled)
 */
#pragma once

#include "change.h"

/**
 * select_changes() - fill set->changes (but for `target` and `identity`) and
 * set->additions from the verdicts of set->pairs
 *
 * Return: 0; -ENOMEM.
 */
int select_changes(struct change_set *set, struct hf_diag *diag);
