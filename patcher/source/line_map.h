/*
 * Which lines of the sources without #line (grammars, templates) have moved:
 * written when the diff is applied, read by each compile of the patched build.
 *
 *	hotfix-line-map 1
 *	tree 2049 131337          device and inode of the tree's root, which
 *	                          are the same under any mount
 *	file src/gram.y
 *	lines 12 0 12 3           struct line_change
 *
 * The map's time stamp is that of the changed sources: what was generated from
 * them is newer, what was not is left alone.
 */
#pragma once

#include <stdbool.h>
#include <sys/stat.h>

#include "source_patch.h"

struct line_map {
	dev_t device;
	ino_t inode;
	struct source_changes files;
	struct timespec written;
};

/* @files: NULL-terminated. Return: 0; -errno. */
int line_map_write(const char *path, const char *tree,
		   const struct source_change *const *files,
		   struct hf_diag *diag);

/* Return: 0; -EBADMSG when it is damaged; -ENOMEM; -errno. */
int line_map_read(const char *path, struct line_map *ret_map,
		  struct hf_diag *diag);
void line_map_release(struct line_map *map);

/* The number that line @new had before. */
unsigned int line_map_old(const struct source_change *file, unsigned int new);
/* Whether line @new is one that the diff has written. */
bool line_map_is_new(const struct source_change *file, unsigned int new);
