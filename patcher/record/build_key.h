/*
 * What makes one original build another than the next: the name of its cache.
 */
#pragma once

#include "../../lib/diag.h"
#include "../../lib/digest.h"
#include "../options.h"

/**
 * build_key() - a digest of the source, the build command, the compilers and
 * the variables that builds obey
 * @source: real path of the source directory
 *
 * Return: 0; -ENOMEM; -EINTR; -errno.
 */
int build_key(const struct options *options, const char *source,
	      const char *prefix_map, char ret_key[HEX_SIZE(SHA256_SIZE)],
	      struct hf_diag *diag);
