/*
 * One request: a patch for one target, or for several that one source diff
 * touches, built from the same two builds of the source and joined.
 */
#pragma once

#include "build.h"
#include "diff/rebuild.h"

struct several {
	struct options *options; /* one for each target */
	struct build **builds;	 /* what became of it; NULL: not begun */
	size_t nr;
	/* Of several targets only. */
	char *name;		  /* of the patch, the same for all */
	char *directory;	  /* where the parts are made */
	struct strings unchanged; /* targets that the diff does not touch */
	struct rebuilds rebuilds;
};

/**
 * several_run() - make the patch that @options ask for
 *
 * A target that the diff does not change is left out when another one is
 * changed. Return: as build_run(). Release in both cases.
 */
int several_run(const struct options *options, struct several *ret_several,
		struct hf_diag *diag);
void several_release(struct several *several);
