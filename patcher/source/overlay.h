/*
 * The files that diffs touch, as they are and as they will be, in memory: the
 * tree changes only when all diffs were seen to apply.
 */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "../../lib/cleanup.h"
#include "../../lib/io.h"

struct overlay_file {
	char *path; /* below the tree, normalised */
	bool existed, exists; /* before; now */
	mode_t old_mode, mode;
	struct buffer old, now; /* `now` is `old` until `touched` */
	bool touched;
	char *temporary; /* while it is being written */
};

struct overlay {
	char *root; /* real path of the tree */
	struct overlay_file **files;
	size_t nr;
};

/* Return: 0; -ENOENT, -ENOTDIR; -ENOMEM; -errno. */
int overlay_open(const char *tree, struct overlay *ret_overlay,
		 struct hf_diag *diag);
void overlay_release(struct overlay *overlay);

/**
 * overlay_file() - a file of the tree, there or not
 *
 * Return: 0; -ECANCELED, "diff-outside": the name leads out of the tree, also
 * by a symbolic link, or to something that is no file; -ENOMEM; -errno.
 */
int overlay_file(struct overlay *overlay, const char *path,
		 struct overlay_file **ret_file, struct hf_diag *diag);

/* Its present content, borrowed. */
const struct buffer *overlay_content(const struct overlay_file *file);

/* Gives it another content, taken over, and lets it exist. */
void overlay_put(struct overlay_file *file, struct buffer *content);
void overlay_remove(struct overlay_file *file);

/* Whether the tree's file will be another than it is. */
bool overlay_is_changed(const struct overlay_file *file);

/**
 * overlay_write() - change the tree: all new files are written beside their
 * places first, then all are renamed
 *
 * Return: 0; -errno.
 */
int overlay_write(struct overlay *overlay, struct hf_diag *diag);
