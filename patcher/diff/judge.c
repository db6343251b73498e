#include "judge.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>

#include "judge_parts.h"

#define LISTED_MAX 12

/* ---- helpers ------------------------------------------------------------ */

static __attribute__((format(printf, 2, 0))) int
add_line(struct strings *lines, const char *format, va_list arguments)
{
	owned(free_p) char *text = NULL;

	if (vasprintf(&text, format, arguments) < 0) {
		text = NULL;
		return -ENOMEM;
	}
	return judge_add_once(lines, text);
}

int judge_warn(struct judge *judge, const char *format, ...)
{
	va_list arguments;
	int r;

	va_start(arguments, format);
	r = add_line(&judge->build->warnings, format, arguments);
	va_end(arguments);
	return r;
}

static int add_override(struct manifest *manifest, char *text)
{
	char **line;

	for (size_t i = 0; i < manifest->nr_overrides; i++)
		if (!strcmp(manifest->overrides[i], text)) {
			free(text);
			return 0;
		}
	line = array_append(manifest->overrides, manifest->nr_overrides);
	if (!line) {
		free(text);
		return -ENOMEM;
	}
	*line = text;
	return 0;
}

int judge_override(struct judge *judge, const char *format, ...)
{
	va_list arguments;
	char *text;
	int r;

	va_start(arguments, format);
	r = vasprintf(&text, format, arguments);
	va_end(arguments);
	if (r < 0)
		return -ENOMEM;
	return judge_warn(judge, "%s", text) ?:
		       add_override(judge->build->manifest, text);
}

bool path_ends_with(const char *source, const char *path)
{
	size_t size = strlen(source), end = strlen(path);

	return size >= end && !strcmp(source + size - end, path) &&
	       (size == end || source[size - end - 1] == '/');
}

static const char *source_of(const struct unit_pair *pair)
{
	const struct compile *compile = pair->patched_compile ?:
						pair->original_compile;
	const struct unit *unit = pair->patched ?: pair->original;

	if (compile && compile->source)
		return compile->source;
	return unit ? unit->source : NULL;
}

static const char *spelled(const struct judge *judge, const char *source)
{
	const struct source_changes *sources = &judge->set->sources;
	const char *slash = strrchr(source, '/');

	for (size_t i = 0; i < sources->nr; i++)
		if (path_ends_with(source, sources->items[i].path))
			return sources->items[i].path;
	return slash ? slash + 1 : source;
}

const char *judge_source(const struct judge *judge,
			 const struct unit_pair *pair)
{
	const char *source = source_of(pair);

	return source ? spelled(judge, source) : pair->name;
}

const char *judge_item_source(const struct judge *judge,
			      const struct unit_pair *pair,
			      const struct item *item)
{
	return item->origin ? spelled(judge, item->origin) :
			      judge_source(judge, pair);
}

void judge_list(const struct strings *lines, struct hf_diag *diag)
{
	for (size_t i = 0; i < lines->nr && i < LISTED_MAX; i++)
		hf_detail(diag, "  %s", lines->items[i]);
	if (lines->nr > LISTED_MAX)
		hf_detail(diag, "  and %zu more", lines->nr - LISTED_MAX);
}

int judge_add_once(struct strings *lines, const char *line)
{
	for (size_t i = 0; i < lines->nr; i++)
		if (!strcmp(lines->items[i], line))
			return 0;
	return strings_add(lines, line);
}

bool pair_is_touched(const struct change_set *set, const struct unit_pair *pair)
{
	for (size_t i = 0; i < set->nr_changes; i++)
		if (set->changes[i].pair == pair)
			return true;
	for (size_t i = 0; i < set->nr_additions; i++)
		if (set->additions[i].pair == pair)
			return true;
	return false;
}

static bool unit_differs(const struct unit *unit)
{
	for (size_t i = 0; i < unit->nr_items; i++)
		if (unit->items[i]->verdict != VERDICT_SAME)
			return true;
	return false;
}

bool pair_differs(const struct unit_pair *pair)
{
	return !pair->original || !pair->patched ||
	       unit_differs(pair->original) || unit_differs(pair->patched);
}

/* ---- words that named nothing ------------------------------------------- */

static int refuse_unused(const char *option, const char *word,
			 const char *what, const struct strings *names,
			 struct hf_diag *diag)
{
	hf_refuse(diag, "option-unused", "%s %s: no %s of that name changes",
		  option, word, what);
	if (!names->nr) {
		hf_hint(diag, "nothing has to be overruled here: leave it out");
		return -ECANCELED;
	}
	hf_detail(diag, "what changes is");
	judge_list(names, diag);
	hf_hint(diag, "write it as above, or leave it out");
	return -ECANCELED;
}

static int check_used(const struct judge *judge, struct hf_diag *diag)
{
	const struct options *options = judge->build->options;

	for (size_t i = 0; i < options->force_data.nr; i++)
		if (!judge->data_used[i])
			return refuse_unused("--force-data",
					     options->force_data.items[i],
					     "variable", &judge->data_names,
					     diag);
	for (size_t i = 0; i < options->allow_layout.nr; i++)
		if (!judge->layout_used[i])
			return refuse_unused("--allow-layout",
					     options->allow_layout.items[i],
					     "type", &judge->layout_names,
					     diag);
	for (size_t i = 0; i < options->nothrow.nr; i++)
		if (!judge->nothrow_used[i])
			return refuse_unused("--nothrow",
					     options->nothrow.items[i],
					     "function that is unwound",
					     &judge->nothrow_names, diag);
	return 0;
}

/* ---- all concerns ------------------------------------------------------- */

/*
 * What makes a patch unsafe comes before what makes it useless: a diff that
 * changes nothing but a variable shall hear of the variable.
 */
static int judge_all(struct judge *judge, struct hf_diag *diag)
{
	static int (*const concerns[])(struct judge *, struct hf_diag *) = {
		judge_objects,	judge_sections,	  judge_data,
		judge_layouts,	judge_lengths,	  judge_names,
		judge_moves,	judge_signatures, judge_exceptions,
		judge_unwind,	judge_sources,	  judge_nothing,
		judge_run,
	};
	int r = 0;

	for (size_t i = 0; i < sizeof(concerns) / sizeof(*concerns) && !r; i++)
		r = concerns[i](judge, diag);
	return r ?: check_used(judge, diag);
}

int judge_changes(struct build *build, struct change_set *set,
		  struct hf_diag *diag)
{
	const struct options *options = build->options;
	owned(free_p) bool *data = calloc(options->force_data.nr + 1,
					  sizeof(*data));
	owned(free_p) bool *layout = calloc(options->allow_layout.nr + 1,
					    sizeof(*layout));
	owned(free_p) bool *nothrow = calloc(options->nothrow.nr + 1,
					     sizeof(*nothrow));
	struct judge judge = { .build = build,
			       .set = set,
			       .data_used = data,
			       .layout_used = layout,
			       .nothrow_used = nothrow };
	int r;

	if (!data || !layout || !nothrow)
		return hf_fail(diag, -ENOMEM, "cannot judge the changes");
	r = judge_all(&judge, diag);
	if (judge_say_notices(&judge) && !r)
		r = -ENOMEM;
	if (r == -ENOMEM)
		hf_fail(diag, r, "cannot judge the changes");
	strings_release(&judge.data_names);
	strings_release(&judge.layout_names);
	strings_release(&judge.nothrow_names);
	return r;
}
