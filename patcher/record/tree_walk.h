/*
 * Every entry below a directory, in the order of its name.
 */
#pragma once

#include <sys/stat.h>

#include "../../lib/diag.h"

enum walk_step {
	WALK_ENTER, /* a directory, before what is in it */
	WALK_ENTRY, /* anything else */
	WALK_LEAVE, /* a directory, after what is in it */
};

struct walk_entry {
	enum walk_step step;
	int directory;	  /* that holds it */
	const char *name; /* in that */
	const char *path; /* below the root; "" is the root itself */
	const struct stat *st; /* of a symbolic link: its own */
};

/* Return: 0; an error that ends the walk. */
typedef int walk_visit(const struct walk_entry *entry, void *context,
		       struct hf_diag *diag);

/**
 * tree_walk() - visit a directory and all that is below it
 *
 * Entries may be removed when they are visited or left.
 *
 * Return: 0; what @visit returned; -ELOOP when it is too deep; -ENOMEM; -errno.
 */
int tree_walk(const char *root, walk_visit *visit, void *context,
	      struct hf_diag *diag);
