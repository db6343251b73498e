#include "rebuild.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

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

static int take_back_and_build(struct rebuilds *rebuilds, struct hf_diag *diag)
{
	struct workspace *workspace = rebuilds->workspace;
	int r = source_patch_take_back(workspace_tree(workspace),
				       workspace_source(workspace),
				       &rebuilds->sources, diag);

	return r ?: workspace_build_again(workspace, &rebuilds->again, diag);
}

int rebuild_unchanged(struct rebuilds *rebuilds, struct strings *warnings,
		      struct hf_diag *diag)
{
	struct hf_diag failure = { 0 };
	int r;

	if (rebuilds->tried_again)
		return 0;
	rebuilds->tried_again = true;
	r = take_back_and_build(rebuilds, &failure);
	if (r == -EINTR || r == -ENOMEM) {
		*diag = failure;
		return r;
	}
	if (r && strings_addf(warnings,
			      "the unchanged source could not be built once "
			      "more, to see what every build makes anew: all "
			      "differences count as the diff's: %.*s",
			      (int)strcspn(failure.message, "\n"),
			      failure.message))
		return hf_fail(diag, -ENOMEM, "cannot build");
	return 0;
}

bool rebuilds_generate(const struct rebuilds *rebuilds, const char *source)
{
	const char *place = workspace_build_path(rebuilds->workspace);
	size_t size = strlen(place);
	owned(free_p) char *kept = NULL;

	if (strncmp(source, place, size) || source[size] != '/')
		return false;
	kept = text_format("%s%s", workspace_generated(rebuilds->workspace),
			   source + size);
	return kept && !access(kept, F_OK);
}

void rebuilds_release(struct rebuilds *rebuilds)
{
	recording_release(&rebuilds->original);
	recording_release(&rebuilds->patched);
	recording_release(&rebuilds->again);
	source_changes_release(&rebuilds->sources);
	strings_release(&rebuilds->warnings);
	if (rebuilds->workspace)
		workspace_close(rebuilds->workspace);
}
