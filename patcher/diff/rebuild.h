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
void rebuilds_release(struct rebuilds *rebuilds);
