/*
 * What gdb(1) has to be told to know the functions and lines of patches: where each
 * image stands, and its file, of which the ledger has a copy.
 */
#pragma once

#include "output.h"
#include "pids.h"

/* Prints add-symbol-file commands for the patches that @pids carry, and a comment for
 * each that gdb cannot be told of. */
enum hf_exit status_gdb(const struct pids *pids, struct output *output);
