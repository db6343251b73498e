/*
 * Replacement sources that the unwinder of a process would have to pass, see
 * diff/passage.h.
 */
#pragma once

#include "build.h"

/**
 * unwound_check() - look at every function of the objects, before they are
 *		     changed
 *
 * Adds to the manifest's overrides what --nothrow states.
 *
 * Return: 0; -ECANCELED: "needs-exception-tables", "needs-unwind-entries",
 * "option-unused"; -ENOMEM; what unit_open() returns.
 */
int unwound_check(struct build *build, struct hf_diag *diag);
