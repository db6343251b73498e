#include "several.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "join.h"

static void set_target(struct options *options, const struct options *request,
		       size_t index)
{
	const struct target_option *more;

	*options = *request;
	if (!index)
		return;
	more = &request->more_targets[index - 1];
	options->target = more->target;
	options->debuginfo = more->debuginfo;
}

/* Parts are made beside each other and have one name. */
static int set_part(struct several *several, size_t index)
{
	struct options *options = &several->options[index];

	options->name = several->name;
	options->output = text_format("%s/%zu.hotfix.so", several->directory,
				      index);
	return options->output ? 0 : -ENOMEM;
}

static int prepare_parts(struct several *several, const struct options *request,
			 struct hf_diag *diag)
{
	int r = 0;

	several->name = build_name(request);
	several->directory = build_make_directory(diag);
	if (!several->directory)
		return -errno;
	for (size_t i = 0; i < several->nr && !r; i++)
		r = set_part(several, i);
	return r || !several->name ? hf_fail(diag, -ENOMEM, "cannot start") : 0;
}

static int prepare(struct several *several, const struct options *request,
		   struct hf_diag *diag)
{
	several->options = calloc(1 + request->nr_more_targets,
				  sizeof(*several->options));
	several->builds = calloc(1 + request->nr_more_targets,
				 sizeof(*several->builds));
	if (!several->options || !several->builds)
		return hf_fail(diag, -ENOMEM, "cannot start");
	several->nr = 1 + request->nr_more_targets;
	for (size_t i = 0; i < several->nr; i++)
		set_target(&several->options[i], request, i);
	return several->nr > 1 ? prepare_parts(several, request, diag) : 0;
}

/* ---- what is said of the builds ----------------------------------------- */

static bool is_said(const struct several *several, size_t nr, const char *line)
{
	for (size_t i = 0; i < nr; i++)
		for (size_t k = 0;
		     several->builds[i] && k < several->builds[i]->warnings.nr;
		     k++)
			if (!strcmp(several->builds[i]->warnings.items[k],
				    line))
				return true;
	return false;
}

/* They are the same for all targets: an earlier one has said it. */
static void drop_said(struct several *several, size_t index)
{
	struct build *build = several->builds[index];
	size_t nr = 0;

	for (size_t i = 0; build && i < build->warnings.nr; i++) {
		char *line = build->warnings.items[i];

		if (is_said(several, index, line))
			free(line);
		else
			build->warnings.items[nr++] = line;
	}
	if (build && build->warnings.items) {
		build->warnings.nr = nr;
		build->warnings.items[nr] = NULL;
	}
}

/* ---- one target after the other ----------------------------------------- */

static int run_one(struct several *several, size_t index, struct hf_diag *diag)
{
	struct options *options = &several->options[index];
	int r = build_run(options, &several->rebuilds, &several->builds[index],
			  diag);

	drop_said(several, index);
	if (r != -ECANCELED || several->nr == 1 ||
	    strcmp(diag->code, "no-functional-change"))
		return r;
	if (strings_add(&several->unchanged, options->target))
		return hf_fail(diag, -ENOMEM, "cannot go on");
	return 0;
}

static int join(const struct several *several, const char *output,
		struct hf_diag *diag)
{
	struct strings files = { 0 };
	int r = 0;

	for (size_t i = 0; i < several->nr && !r; i++)
		if (!access(several->options[i].output, F_OK))
			r = strings_add(&files, several->options[i].output);
	if (r)
		hf_fail(diag, r, "cannot join the parts");
	else if (!files.nr)
		r = hf_refuse(diag, "no-functional-change",
			      "the diff changes none of the %zu targets",
			      several->nr);
	else
		r = join_parts(&files, output, diag);
	strings_release(&files);
	return r;
}

int several_run(const struct options *options, struct several *ret_several,
		struct hf_diag *diag)
{
	int r = prepare(ret_several, options, diag);

	for (size_t i = 0; i < ret_several->nr && !r; i++)
		r = run_one(ret_several, i, diag);
	if (!r && ret_several->nr > 1)
		r = join(ret_several, options->output, diag);
	return r;
}

void several_release(struct several *several)
{
	for (size_t i = 0; several->builds && i < several->nr; i++)
		if (several->builds[i])
			build_free(several->builds[i]);
	rebuilds_release(&several->rebuilds); /* while there are options */
	for (size_t i = 0; several->directory && i < several->nr; i++) {
		unlink(several->options[i].output);
		free((char *)several->options[i].output);
	}
	if (several->directory)
		rmdir(several->directory);
	free(several->directory);
	free(several->name);
	free(several->options);
	free(several->builds);
	strings_release(&several->unchanged);
}
