/*
 * Replacement sources to objects, compiled as the target was.
 *
 * Which flags are right is known from the functions that a source replaces, and
 * those are known only from the compiled records. So the source text is first
 * searched for HOTFIX_REPLACE lines; where the records then say otherwise, the
 * source is compiled once more.
 */
#pragma once

#include "build.h"

/* Choose the compiler, compile every source, read the objects. */
int compile_sources(struct build *build, struct hf_diag *diag);

/* Names in the HOTFIX_REPLACE... lines of a C source. Return: 0; -ENOMEM. */
int compile_scan_names(const char *text, struct strings *names);
