/*
 * Variables that a source defines although the target has them already.
 *
 * Mostly a source that was copied from the target with its definitions: the
 * patch then has a variable of its own, that starts anew and that nobody else
 * sees. It may be meant so; it is always said.
 */
#pragma once

#include "build.h"

/* Adds to build->warnings. Return: 0; -ENOMEM. */
int duplicates_warn(struct build *build, struct hf_diag *diag);
