#include "workspace.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "build_cache.h"
#include "build_environment.h"
#include "build_key.h"
#include "build_process.h"
#include "copy_tree.h"
#include "generated_files.h"
#include "namespace.h"

struct workspace {
	const struct options *options;
	char *prefix_map; /* NULL: none */
	char *source;	  /* real path of DIR */
	char *directory;  /* CACHE/KEY, or a temporary one */
	char *tree, *original, *patched, *again, *generated, *log;
	char *description;
	int lock;	  /* -1: no cache */
	bool is_built;	  /* the cache has the original build */
	bool at_own_path; /* builds see the tree at `source` */
	bool keep;	  /* something in it was named to the user */
};

const char *workspace_tree(const struct workspace *workspace)
{
	return workspace->tree;
}

const char *workspace_build_path(const struct workspace *workspace)
{
	return workspace->at_own_path ? workspace->source : workspace->tree;
}

const char *workspace_source(const struct workspace *workspace)
{
	return workspace->source;
}

const char *workspace_generated(const struct workspace *workspace)
{
	return workspace->generated;
}

const char *workspace_log(const struct workspace *workspace)
{
	return workspace->log;
}

const char *workspace_describe(const struct workspace *workspace)
{
	return workspace->description;
}

static int open_source(struct workspace *workspace, struct hf_diag *diag)
{
	const char *path = workspace->options->source_directory;
	struct stat st;

	workspace->source = realpath(path, NULL);
	if (!workspace->source || stat(workspace->source, &st) < 0) {
		int r = hf_fail(diag, -errno, "cannot find the source in %s",
				path);

		hf_hint(diag, "--source is the directory that the target was "
			      "built from");
		return r;
	}
	return S_ISDIR(st.st_mode) ? 0 :
				     hf_fail(diag, -ENOTDIR,
					     "cannot build in %s", path);
}

/* A copy inside of what is copied would have no end, and be hidden by the
   mount. */
static int check_apart(const struct workspace *workspace, const char *place,
		       const char *option, struct hf_diag *diag)
{
	owned(free_p) char *real = realpath(place, NULL);
	size_t size = strlen(workspace->source);

	if (!real)
		return hf_fail(diag, -errno, "cannot find %s", place);
	if (strncmp(real, workspace->source, size) ||
	    (real[size] && real[size] != '/' && size > 1))
		return 0;
	hf_error(diag, -EINVAL, "workspace-inside",
		 "%s is inside of the source directory %s", place,
		 workspace->source);
	hf_hint(diag, "choose a place outside of it with %s", option);
	return -EINVAL;
}

static int open_temporary(struct workspace *workspace, struct hf_diag *diag)
{
	const char *where = getenv("TMPDIR");
	owned(free_p) char *directory = NULL;
	int r;

	if (!where || !*where)
		where = "/tmp";
	r = check_apart(workspace, where, "TMPDIR=", diag);
	if (r)
		return r;
	directory = text_format("%s/hotfix-build-XXXXXX", where);
	if (!directory || !mkdtemp(directory))
		return hf_fail(diag, -errno, "cannot make a directory in %s",
			       where);
	workspace->directory = realpath(directory, NULL);
	return workspace->directory ? 0 :
				      hf_fail(diag, -ENOMEM, "cannot build");
}

static int make_directory(const char *path, struct hf_diag *diag)
{
	return mkdir(path, 0755) < 0 && errno != EEXIST ?
		       hf_fail(diag, -errno, "cannot create %s", path) :
		       0;
}

static int open_cached(struct workspace *workspace, struct hf_diag *diag)
{
	const struct options *options = workspace->options;
	owned(free_p) char *cache = NULL;
	char key[HEX_SIZE(SHA256_SIZE)];
	int r = make_directory(options->cache, diag);

	if (!r)
		r = check_apart(workspace, options->cache, "--cache", diag);
	if (!r)
		r = build_key(options, workspace->source, workspace->prefix_map,
			      key, diag);
	if (r)
		return r;
	cache = realpath(options->cache, NULL);
	if (!cache)
		return hf_fail(diag, -errno, "cannot find %s", options->cache);
	workspace->lock = build_cache_lock(cache, key, diag);
	if (workspace->lock < 0)
		return workspace->lock;
	workspace->directory = text_format("%s/%s", cache, key);
	if (!workspace->directory)
		return hf_fail(diag, -ENOMEM, "cannot build");
	r = make_directory(workspace->directory, diag);
	if (!r)
		workspace->is_built =
			build_cache_is_whole(workspace->directory);
	return r;
}

static int name_places(struct workspace *workspace, struct hf_diag *diag)
{
	const char *directory = workspace->directory;

	workspace->tree = text_format("%s/tree", directory);
	workspace->original = text_format("%s/original", directory);
	workspace->patched = text_format("%s/patched", directory);
	workspace->again = text_format("%s/again", directory);
	workspace->generated = text_format("%s/generated", directory);
	workspace->log = text_format("%s/build.log", directory);
	return workspace->tree && workspace->original && workspace->patched &&
			       workspace->again && workspace->generated &&
			       workspace->log ?
		       0 :
		       hf_fail(diag, -ENOMEM, "cannot build");
}

/* What an earlier run has left, which may be half of anything. */
static int remove_leftovers(const struct workspace *workspace,
			    struct hf_diag *diag)
{
	int r = tree_remove(workspace->tree, diag);

	if (!r)
		r = tree_remove(workspace->patched, diag);
	if (!r)
		r = tree_remove(workspace->again, diag);
	if (!r)
		r = tree_remove(workspace->generated, diag);
	if (!r && !workspace->is_built)
		r = tree_remove(workspace->original, diag);
	if (!r)
		unlink(workspace->log);
	return r;
}

static int fill_tree(const struct workspace *workspace, struct hf_diag *diag)
{
	owned(free_p) char *built =
		text_format("%s/built", workspace->directory);

	if (!built)
		return hf_fail(diag, -ENOMEM, "cannot build");
	return tree_copy(workspace->is_built ? built : workspace->source,
			 workspace->tree, diag);
}

static int describe(struct workspace *workspace, struct hf_diag *diag)
{
	const char *cached = workspace->is_built ?
				     "; the original build is the cache's" :
				     "";

	workspace->at_own_path =
		namespace_is_allowed(workspace->tree, workspace->source);
	workspace->description =
		workspace->at_own_path ?
			text_format("built in a copy, at its own path %s%s",
				    workspace->source, cached) :
			text_format("built in a copy at %s, since this system "
				    "allows no mount namespace: absolute paths "
				    "of the tree lead to %s%s",
				    workspace->tree, workspace->source, cached);
	return workspace->description ?
		       0 :
		       hf_fail(diag, -ENOMEM, "cannot build");
}

static int fill(struct workspace *workspace, const char *prefix_map,
		struct hf_diag *diag)
{
	int r = open_source(workspace, diag);

	if (!r && prefix_map && !(workspace->prefix_map = strdup(prefix_map)))
		r = hf_fail(diag, -ENOMEM, "cannot build");
	if (!r)
		r = workspace->options->cache ?
			    open_cached(workspace, diag) :
			    open_temporary(workspace, diag);
	if (!r)
		r = name_places(workspace, diag);
	if (!r)
		r = remove_leftovers(workspace, diag);
	if (!r)
		r = fill_tree(workspace, diag);
	return r ? r : describe(workspace, diag);
}

int workspace_open(const struct options *options, const char *prefix_map,
		   struct workspace **ret_workspace, struct hf_diag *diag)
{
	owned(workspace_close_p) struct workspace *workspace =
		calloc(1, sizeof(*workspace));
	int r;

	if (!workspace)
		return hf_fail(diag, -ENOMEM, "cannot build");
	workspace->options = options;
	workspace->lock = -1;
	r = fill(workspace, prefix_map, diag);
	if (!r)
		*ret_workspace = take_ptr(workspace);
	return r;
}

/* Of a cache, what the next diff starts from stays. */
static void remove_places(const struct workspace *workspace)
{
	if (workspace->lock < 0) {
		if (workspace->directory)
			tree_remove(workspace->directory, NULL);
		return;
	}
	if (workspace->tree)
		tree_remove(workspace->tree, NULL);
	if (workspace->patched)
		tree_remove(workspace->patched, NULL);
	if (workspace->again)
		tree_remove(workspace->again, NULL);
	if (workspace->generated)
		tree_remove(workspace->generated, NULL);
}

void workspace_close(struct workspace *workspace)
{
	if (!workspace->keep && !workspace->options->keep_temps)
		remove_places(workspace);
	if (workspace->lock >= 0)
		close(workspace->lock);
	free(workspace->prefix_map);
	free(workspace->source);
	free(workspace->directory);
	free(workspace->tree);
	free(workspace->original);
	free(workspace->patched);
	free(workspace->again);
	free(workspace->generated);
	free(workspace->log);
	free(workspace->description);
	free(workspace);
}

static int put_recording(const struct workspace *workspace,
			 const char *recording, const char *line_map,
			 struct strings *environment, struct hf_diag *diag)
{
	struct strings ours = { 0 };
	const char *generated = line_map ? workspace->generated : NULL;
	int r = recording_environment(recording, workspace->prefix_map,
				      line_map, generated, &ours, diag);

	for (size_t i = 0; i < ours.nr && !r; i++)
		r = build_environment_put(environment, ours.items[i]);
	strings_release(&ours);
	return r;
}

/* PWD, so that a shell or a configure script finds itself where it is; the
   tree, so that a source below /usr is not taken for the system's. */
static int put_place(const struct workspace *workspace,
		     struct strings *environment)
{
	const char *place = workspace_build_path(workspace);
	owned(free_p) char *pwd = text_format("PWD=%s", place);
	owned(free_p) char *tree = text_format("HOTFIX_RECORD_TREE=%s", place);
	int r = pwd && tree ? build_environment_put(environment, pwd) : -ENOMEM;

	return r ? r : build_environment_put(environment, tree);
}

static int make_environment(const struct workspace *workspace,
			    const char *recording, const char *line_map,
			    struct strings *environment, struct hf_diag *diag)
{
	unsigned int jobs = workspace->options->jobs;
	int r = build_environment_start(environment);

	if (!r)
		r = put_place(workspace, environment);
	if (!r && jobs)
		r = build_environment_put_jobs(environment, jobs);
	if (r)
		return hf_fail(diag, r, "cannot build");
	return put_recording(workspace, recording, line_map, environment, diag);
}

static int run_build(struct workspace *workspace, const char *what,
		     const char *recording, const char *line_map,
		     struct hf_diag *diag)
{
	owned(free_p) char *compiles = text_format("%s/compiles", recording);
	struct strings environment = { 0 }, command = { 0 };
	struct build_process process = {
		.what = what,
		.command = &command,
		.environment = &environment,
		.tree = workspace->tree,
		.place = workspace->at_own_path ? workspace->source : NULL,
		.log = workspace->log,
		.compiles = compiles,
	};
	int r = compiles ? make_environment(workspace, recording, line_map,
					    &environment, diag) :
			   hf_fail(diag, -ENOMEM, "cannot build");

	if (!r && recording_command(&workspace->options->build_command,
				    &command) < 0)
		r = hf_fail(diag, -ENOMEM, "cannot build");
	if (!r)
		r = build_process_run(&process, diag);
	strings_release(&command);
	strings_release(&environment);
	/* Its log was named, and the tree is worth a look. */
	workspace->keep |= r == -EIO;
	return r;
}

static int build_unseen(struct workspace *workspace, struct hf_diag *diag)
{
	workspace->keep = true;
	hf_error(diag, -EIO, "build-unseen",
		 "the build command compiled nothing that could be seen");
	hf_hint(diag, "objects that are in the source already are not compiled "
		      "again: let the command begin with a clean, or give an "
		      "unbuilt source");
	hf_hint(diag, "compilers are seen when they are run here: not in a "
		      "container, on another host, or by a static program");
	hf_hint(diag, "all that it printed is in %s", workspace->log);
	return -EIO;
}

static int build_anew(struct workspace *workspace,
		      struct recording *ret_recording, struct hf_diag *diag)
{
	struct recording recording = { 0 };
	int r = run_build(workspace, "the original", workspace->original, NULL,
			  diag);

	if (!r)
		r = recording_read(workspace->original, &recording, diag);
	if (r)
		return r;
	if (!recording.nr_compiles)
		r = build_unseen(workspace, diag);
	else if (workspace->lock >= 0)
		r = build_cache_keep(workspace->directory, diag);
	if (r)
		recording_release(&recording);
	else
		*ret_recording = recording;
	return r;
}

int workspace_build_original(struct workspace *workspace,
			     struct recording *ret_recording,
			     struct hf_diag *diag)
{
	int r = workspace->is_built ?
			recording_read(workspace->original, ret_recording,
				       diag) :
			build_anew(workspace, ret_recording, diag);

	return r ?: generated_files_keep(workspace->tree, workspace->source,
					 workspace->generated, diag);
}

/* What it does not make again was made by the original build. */
static int build_anew_after(struct workspace *workspace, const char *what,
			    const char *directory, const char *line_map,
			    struct recording *ret_recording,
			    struct hf_diag *diag)
{
	int r = tree_remove(directory, diag);

	if (!r)
		r = run_build(workspace, what, directory, line_map, diag);
	if (!r)
		r = recording_continue(directory, workspace->original, diag);
	return r ? r : recording_read(directory, ret_recording, diag);
}

int workspace_build_patched(struct workspace *workspace, const char *line_map,
			    struct recording *ret_recording,
			    struct hf_diag *diag)
{
	return build_anew_after(workspace, "the patched source",
				workspace->patched, line_map, ret_recording,
				diag);
}

int workspace_build_again(struct workspace *workspace,
			  struct recording *ret_recording,
			  struct hf_diag *diag)
{
	bool keep = workspace->keep;
	int r = build_anew_after(workspace, "the original again",
				 workspace->again, NULL, ret_recording, diag);

	/* A failure of this one is no end: what was said of it is all. */
	workspace->keep = keep;
	return r;
}
