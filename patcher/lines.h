/*
 * Source lines of the functions that are replaced, for the agent's reports: on
 * the production host there is no debug information.
 */
#pragma once

#include "build.h"

/**
 * lines_find() - fill in manifest_function.lines from the target's DWARF
 *
 * Of what has no DWARF nothing is known; of very long functions, and where the
 * patch replaces very many, a part. The agent does without then.
 *
 * Return: 0; -ENOMEM.
 */
int lines_find(struct build *build, struct hf_diag *diag);
