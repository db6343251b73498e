/*
 * What a failed build said, in the few lines that matter.
 */
#pragma once

#include <sys/types.h>

#include "../array.h"

/**
 * build_log_lines() - the lines that say why a build failed
 * @from: where its output begins in the file
 *
 * The first ones with an error in them; when there is none, the last ones.
 * Long lines are cut, unprintable characters replaced.
 *
 * Return: 0; -ENOMEM; -errno.
 */
int build_log_lines(const char *path, off_t from, struct strings *lines);
