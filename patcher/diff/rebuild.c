#include "rebuild.h"

#include <errno.h>
#include <string.h>

#include "../record/workspace.h"
#include "production.h"

/* Beside the tree: its time stamp is compared with those of generated files. */
static char *line_map_path(const struct workspace *workspace)
{
	const char *log = workspace_log(workspace);
	const char *slash = strrchr(log, '/');

	return text_format("%.*s/line_map", slash ? (int)(slash - log) : 1,
			   slash ? log : ".");
}

static int patch_and_build(const struct build *build, struct rebuilds *rebuilds,
			   struct hf_diag *diag)
{
	struct workspace *workspace = rebuilds->workspace;
	owned(free_p) char *line_map = line_map_path(workspace);
	int r;

	if (!line_map)
		return hf_fail(diag, -ENOMEM, "cannot apply the diff");
	r = source_patch_apply(workspace_tree(workspace),
			       &build->options->diffs, line_map,
			       &rebuilds->sources, &rebuilds->warnings, diag);
	return r ?: workspace_build_patched(workspace, line_map,
					    &rebuilds->patched, diag);
}

int rebuild_twice(const struct build *build, struct rebuilds *ret_rebuilds,
		  struct hf_diag *diag)
{
	owned(free_p) char *prefix_map = NULL;
	int r = production_prefix_map(build, &prefix_map, diag);

	if (!r)
		r = workspace_open(build->options, prefix_map,
				   &ret_rebuilds->workspace, diag);
	if (!r)
		r = workspace_build_original(ret_rebuilds->workspace,
					     &ret_rebuilds->original, diag);
	return r ?: patch_and_build(build, ret_rebuilds, diag);
}

void rebuilds_release(struct rebuilds *rebuilds)
{
	recording_release(&rebuilds->original);
	recording_release(&rebuilds->patched);
	source_changes_release(&rebuilds->sources);
	strings_release(&rebuilds->warnings);
	if (rebuilds->workspace)
		workspace_close(rebuilds->workspace);
}
