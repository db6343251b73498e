/*
 * Original builds that are kept: CACHE/KEY/built and CACHE/KEY/original.
 *
 *	CACHE/KEY.lock      held (flock) while anybody uses CACHE/KEY
 *	CACHE/KEY/built     the tree as the original build left it
 *	CACHE/KEY/original  its recording
 *	CACHE/KEY/built.digest  names, sizes and times of both
 *
 * The digest is written last, by rename(2), when the rest has reached the disk.
 * What does not correspond to it is built again.
 */
#pragma once

#include <stdbool.h>

#include "../../lib/diag.h"

/**
 * build_cache_lock() - wait until nobody else uses the entry
 *
 * Return: the lock's descriptor, to be closed; -EINTR; -errno.
 */
int build_cache_lock(const char *cache, const char *key, struct hf_diag *diag);

/* Whether a whole and undamaged original build is in @directory. */
bool build_cache_is_whole(const char *directory);

/**
 * build_cache_keep() - make `built` a copy of `tree` and seal the entry
 *
 * Return: 0; as tree_copy().
 */
int build_cache_keep(const char *directory, struct hf_diag *diag);
