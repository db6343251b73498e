/*
 * Proof that a rebuilt function is what runs in production.
 *
 * The object's code and the target's are decoded side by side. Instructions
 * must be equal; a field with a reference must lead, in the target, to what
 * bind.h says the reference means (through the PLT or the GOT as well), or, for
 * literals, constants and tables, to equal content. Allowed to differ is what
 * the linker and the assembler choose: relaxed GOT and TLS sequences (x86-64
 * psABI, "Linker Optimization"), short or long forms of a jump to another
 * function, NOPs that align.
 *
 * The cold part is compared with its function. Branches inside the function
 * must lead to corresponding instructions.
 */
#pragma once

#include "change.h"

/**
 * identity_prove() - compare pair->original's @function with @target's bytes
 *
 * Return: 0, also when it is not proven: see ret_identity; -ENOMEM; -ENOTSUP.
 */
int identity_prove(const struct build *build, const struct unit_pair *pair,
		   const struct item *function, const struct symbol *target,
		   struct identity *ret_identity, struct hf_diag *diag);

/**
 * identity_all() - how much of an object is what runs
 * @ret_nr_proven:    of those
 * @ret_nr_functions: functions of pair->original that the target has
 *
 * Return: 0; -ENOMEM; -ENOTSUP.
 */
int identity_all(const struct build *build, const struct unit_pair *pair,
		 size_t *ret_nr_proven, size_t *ret_nr_functions,
		 struct hf_diag *diag);
