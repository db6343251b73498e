/*
 * What a build has generated: C sources and headers of its tree that the source
 * did not bring, or not with this content.
 *
 * A copy of them, made between the two builds, is what the second build's are
 * compared with, see source/generated.h. The tree itself will not do: there the
 * second build writes over them.
 */
#pragma once

#include "../../lib/diag.h"

/**
 * generated_files_keep() - copy them
 * @tree:   a copy of @source, times and all, in which a build has run
 * @to:     made; holds each file under its path below @tree
 *
 * Return: 0; -ENOSPC; -ENOMEM; -errno.
 */
int generated_files_keep(const char *tree, const char *source, const char *to,
			 struct hf_diag *diag);
