/*
 * Who runs another build of a program or library: the usual reason why nobody
 * runs the one that a patch was made for.
 */
#pragma once

#include "../lib/diag.h"

/* Adds up to three lines "pid 33 runs build ..." to the message. */
void other_builds_describe(const char *name, struct hf_diag *diag);
