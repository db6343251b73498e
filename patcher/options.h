/*
 * What the command line asks for.
 */
#pragma once

#include <stdbool.h>

#include "array.h"

/* --replace OLD=NEW, of the first source file that defines NEW. */
struct replace_option {
	char *old;
	char *source; /* OLD was written FILE:NAME; NULL: any file */
	char *new;
	bool used;
};

/* A further target of a source diff. */
struct target_option {
	const char *target;
	const char *debuginfo;
};

struct options {
	const char *target;
	const char *debuginfo;
	const char *name;
	const char *reason;
	const char *ticket;
	const char *author;
	const char *compile_commands;
	const char *sysroot; /* without a slash at its end; "" for / */
	const char *output;
	bool allow_inlined;
	bool keep_temps;
	bool json;
	bool join; /* `sources` are patch files to be made one */
	struct replace_option *replaces;
	size_t nr_replaces;
	struct strings sources;
	struct strings extra_flags;

	/* From a source diff: what stands behind "--" is the build command. */
	const char *source_directory; /* NULL: from replacement sources */
	struct strings diffs;
	struct target_option *more_targets;
	size_t nr_more_targets;
	struct strings build_command;
	const char *cache;	/* directory; NULL: nothing is kept */
	unsigned int jobs;	/* 0: the build command's own choice */
	bool accept_unproven;	/* identity could not be proved */
	struct strings force_data;   /* variables whose change is accepted */
	struct strings allow_layout; /* types whose change is accepted */
	struct strings nothrow; /* functions that are never unwound, patterns */
};
