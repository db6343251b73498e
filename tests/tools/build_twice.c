/*
 * build_twice [-c CACHE] [-j N] [-d DIFF]... [-k] SOURCE COMMAND...: build a
 * source, apply the diffs, build it again, and say what was recorded.
 *
 * Looks for hotfix-cc and hotfix-record.so beside itself.
 */
#include <stdio.h>
#include <string.h>

#include "../../patcher/command.h"
#include "../../patcher/record/workspace.h"
#include "../../patcher/source/source_patch.h"

static void print_link(const char *what, const struct link_step *link)
{
	printf("%s link %s\n", what, link->output);
	for (size_t i = 0; i < link->nr_inputs; i++)
		printf("%s input %s of %s\n", what, link->inputs[i].name,
		       link->inputs[i].compile ?
			       link->inputs[i].compile->source :
			       "?");
}

static void show(const char *what, const struct recording *recording)
{
	printf("%s: %zu compiles, %zu links\n", what, recording->nr_compiles,
	       recording->nr_links);
	for (size_t i = 0; i < recording->nr_compiles; i++)
		printf("%s compile %s in %s to %s\n", what,
		       recording->compiles[i].source,
		       recording->compiles[i].directory,
		       recording->compiles[i].output);
	for (size_t i = 0; i < recording->nr_links; i++)
		print_link(what, &recording->links[i]);
}

static int build_patched(struct workspace *workspace,
			 const struct options *options, struct hf_diag *diag)
{
	struct source_changes changes = { 0 };
	struct strings warnings = { 0 };
	struct recording recording = { 0 };
	char *map = text_format("%s/../line_map", workspace_tree(workspace));
	int r = source_patch_apply(workspace_tree(workspace), &options->diffs,
				   map, &changes, &warnings, diag);

	if (!r)
		r = workspace_build_patched(workspace, map, &recording, diag);
	if (!r)
		show("patched", &recording);
	recording_release(&recording);
	source_changes_release(&changes);
	strings_release(&warnings);
	free(map);
	return r;
}

static int run(const struct options *options, struct hf_diag *diag)
{
	owned(workspace_close_p) struct workspace *workspace = NULL;
	struct recording recording = { 0 };
	int r = workspace_open(options, NULL, &workspace, diag);

	if (r)
		return r;
	puts(workspace_describe(workspace));
	r = workspace_build_original(workspace, &recording, diag);
	if (!r)
		show("original", &recording);
	if (!r && options->diffs.nr)
		r = build_patched(workspace, options, diag);
	recording_release(&recording);
	return r;
}

int main(int argc, char **argv)
{
	struct options options = { 0 };
	struct hf_diag diag = { 0 };
	int option, r;

	while ((option = getopt(argc, argv, "+c:d:j:k")) != -1) {
		if (option == 'c')
			options.cache = optarg;
		else if (option == 'd')
			strings_add(&options.diffs, optarg);
		else if (option == 'j')
			options.jobs = (unsigned int)atoi(optarg);
		else if (option == 'k')
			options.keep_temps = true;
		else
			return HF_EXIT_USAGE;
	}
	if (argc - optind < 2)
		return HF_EXIT_USAGE;
	options.source_directory = argv[optind];
	for (int i = optind + 1; i < argc; i++)
		strings_add(&options.build_command, argv[i]);
	command_stop_on_signals();
	r = run(&options, &diag);
	if (r)
		fprintf(stderr, "%s: %s\nhint: %s\n", diag.code, diag.message,
			diag.hint);
	strings_release(&options.diffs);
	strings_release(&options.build_command);
	return (int)diag_exit_status(r);
}
