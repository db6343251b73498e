/*
 * The two builds of a source: as it was, and with the diffs applied. Made once,
 * also when the patch is for several of the programs that they link.
 */
#pragma once

#include "../build.h"
#include "../record/recording.h"
#include "../source/source_patch.h"

struct workspace;

struct rebuilds {
	struct workspace *workspace; /* the objects are in it */
	struct recording original, patched;
	/* Of the unchanged source once more, see rebuild_unchanged(). */
	struct recording again;
	bool tried_again;
	struct source_changes sources;
	struct strings warnings;
};

/**
 * rebuild_twice() - build build->options' source, apply the diffs, build again
 * @build: its target tells where production was built
 *
 * Return: 0; what workspace.h and source_patch.h return. Release in both cases.
 */
int rebuild_twice(const struct build *build, struct rebuilds *ret_rebuilds,
		  struct hf_diag *diag);

/**
 * rebuild_unchanged() - take the diffs back and build in what the second build
 * has left: into rebuilds->again, once
 * @warnings: that it failed, when it did; rebuilds->again is empty then
 *
 * Return: 0; -EINTR; -ENOMEM.
 */
int rebuild_unchanged(struct rebuilds *rebuilds, struct strings *warnings,
		      struct hf_diag *diag);

/* Whether a build has made a source itself. @source: as a compiler saw it. */
bool rebuilds_generate(const struct rebuilds *rebuilds, const char *source);

void rebuilds_release(struct rebuilds *rebuilds);
