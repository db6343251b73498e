/*
 * What cannot be patched into a running process, and what should be known
 * before it is.
 *
 * judge_*.c, one concern a file: data (values and sizes of what exists, static
 * locals that are gone, thread-local data, sections whose readers have run),
 * types (layouts of live data, by DWARF of both objects), signatures (callers
 * that stay), code that has already run, functions that cannot be left.
 */
#pragma once

#include "change.h"

/**
 * judge_changes() - refuse what is unsafe
 *
 * Adds to build->warnings and set->left_out; what options->force_data and
 * options->allow_layout allow, options->nothrow states, goes to build->manifest's overrides instead of
 * being refused.
 *
 * Return: 0; -ECANCELED: "no-functional-change", "data-changed",
 * "layout-changed", "length-changed", "signature-changed", "alias-changed",
 * "definition-moved", "static-local-removed", "needs-tls",
 * "needs-constructor", "assembler-changed", "already-ran", …, each with name,
 * place and a way out; -ENOMEM.
 */
int judge_changes(struct build *build, struct change_set *set,
		  struct hf_diag *diag);
