/*
 * The replacement's parameters and return value must be the original's, and
 * the target's variables must have the type that the sources declare.
 */
#pragma once

#include "build.h"

/**
 * types_check() - compare by DWARF of the target and of the linked result
 *
 * Without DWARF of the target nothing can be compared; the proof says so.
 *
 * Return: 0; -ECANCELED (code "type-mismatch") with both prototypes; -ENOMEM.
 */
int types_check(struct build *build, struct hf_diag *diag);
