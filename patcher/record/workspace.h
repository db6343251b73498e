/*
 * Where the two builds run: a copy of the source, so that DIR itself is never
 * changed.
 *
 * The build sees the copy under DIR's own path wherever that can be had (a bind
 * mount in a mount namespace of the build alone: as root, or in a user
 * namespace), so that absolute paths of a configured tree, __FILE__ and the
 * build command's own arguments stay true. Elsewhere it runs in the copy, under
 * the copy's path, and workspace_describe() says so.
 *
 *	CACHE/KEY/            --cache DIR, or a temporary directory
 *	  tree/               where builds run
 *	  built/              the tree as the original build left it (only when
 *	                      there is a cache: the next diff starts from it)
 *	  original/           recording of the original build
 *	  patched/            recording of the patched one
 *	  again/              recording of a third build, where one is needed
 *	  generated/          the C sources that the original build has made
 *	  build.log           what the builds printed
 *
 * KEY is a digest of: every path, mode and content of DIR, the build command,
 * the environment's CC, CFLAGS and the like, and the compiler's version. A
 * cache that is damaged or half written is never used: `built` gets its name by
 * rename(2) when all of it is there.
 */
#pragma once

#include "../../lib/cleanup.h"
#include "../options.h"
#include "recording.h"

struct workspace;

/**
 * workspace_open() - copy options->source, or find it in options->cache
 * @prefix_map: see recording_environment(); may be NULL
 *
 * Return: 0; -ENOENT, -ENOTDIR for the source; -ENOSPC; -errno.
 */
int workspace_open(const struct options *options, const char *prefix_map,
		   struct workspace **ret_workspace, struct hf_diag *diag);
void workspace_close(struct workspace *workspace);
DEFINE_CLEANUP(struct workspace, workspace_close)

/* The tree that source_patch_apply() changes: a path of ours. */
const char *workspace_tree(const struct workspace *workspace);
/* The path that the build sees it under. */
const char *workspace_build_path(const struct workspace *workspace);
/* The real path of the source, which nobody changes. */
const char *workspace_source(const struct workspace *workspace);
/* What generated_files.h has kept of the original build. */
const char *workspace_generated(const struct workspace *workspace);
const char *workspace_log(const struct workspace *workspace);
/* One line: "built in a copy, at its own path /src" … */
const char *workspace_describe(const struct workspace *workspace);

/**
 * workspace_build_original() - the build as it is, or what the cache has of it
 * workspace_build_patched()  - once more, after the source was changed
 * workspace_build_again()    - and once more, after it was changed back
 * @line_map: see recording_environment(); may be NULL
 *
 * Output goes to the log; on a terminal a line shows how many files were
 * compiled. On failure @diag has the last lines that matter and the log's path,
 * and the log is kept.
 *
 * Return: 0; -EIO when the build command failed; -EINTR; -errno. A build that
 * compiled nothing is -EIO, code "build-unseen".
 */
int workspace_build_original(struct workspace *workspace,
			     struct recording *ret_recording,
			     struct hf_diag *diag);
int workspace_build_patched(struct workspace *workspace, const char *line_map,
			    struct recording *ret_recording,
			    struct hf_diag *diag);
int workspace_build_again(struct workspace *workspace,
			  struct recording *ret_recording,
			  struct hf_diag *diag);
