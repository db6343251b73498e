/*
 * File names in diffs: where they end, what their quotes mean, how many
 * directories are before them.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/**
 * diff_name_parse() - the name that begins a piece of a line
 * @size: up to the end of the line
 * @ret_name: owned by the caller; NULL: /dev/null, or there is none
 * @ret_used: how much of the text is the name; may be NULL
 *
 * Return: 0; -EBADMSG for a damaged quoted name; -ENOMEM.
 */
int diff_name_parse(const char *text, size_t size, char **ret_name,
		    size_t *ret_used);

/* A name without its first @level directories; NULL: it has too few. */
const char *diff_name_strip(const char *name, unsigned int level);

/* Whether a name stays below where it starts: not absolute, no "..". */
bool diff_name_is_inside(const char *name);
