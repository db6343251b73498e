#include "unwound.h"

#include <errno.h>

#include "diff/passage.h"

struct unwound {
	struct build *build;
	struct change_set set; /* only for what is known of the target */
	bool *used;	       /* words of --nothrow, by index */
};

static int refuse(const struct item *item, const struct object *object,
		  const char *reason, struct hf_diag *diag)
{
	hf_refuse(diag, passage_code(item),
		  "%s() (%s) %s: exceptions, or threads that are cancelled, "
		  "may pass it, and the unwinder of a process does not know a "
		  "patch's code",
		  item->name, object->source, reason);
	passage_hints(item->name, diag);
	return -ECANCELED;
}

static int accept(struct build *build, const struct item *item,
		  const char *reason, struct hf_diag *diag)
{
	struct manifest *manifest = build->manifest;
	char **line = array_append(manifest->overrides, manifest->nr_overrides);

	if (line)
		*line = text_format("--nothrow: stated that no exception "
				    "passes %s() and no thread is cancelled "
				    "inside; it %s",
				    item->name, reason);
	if (!line || !*line || strings_addf(&build->warnings, "%s", *line))
		return hf_fail(diag, -ENOMEM, "cannot note what was stated");
	return 0;
}

static int check_function(struct unwound *unwound, const struct object *object,
			  const struct unit_pair *pair, const struct item *item,
			  struct hf_diag *diag)
{
	struct build *build = unwound->build;
	owned(free_p) char *reason = NULL;
	int r = passage_reason(build, &unwound->set, pair, item, &reason);

	if (r)
		return hf_fail(diag, r, "cannot read %s", object->source);
	if (!reason)
		return 0;
	return passage_stated(build->options, item, unwound->used)
		       ? accept(build, item, reason, diag)
		       : refuse(item, object, reason, diag);
}

static int check_object(struct unwound *unwound, const struct object *object,
			struct hf_diag *diag)
{
	owned(unit_close_p) struct unit *unit = NULL;
	struct unit_pair pair = { .name = object->source };
	int r = unit_open(object->path, &unit, diag);

	pair.patched = unit;
	for (size_t i = 0; !r && i < unit->nr_items; i++)
		if (unit->items[i]->kind == ITEM_FUNCTION &&
		    unit->items[i]->name)
			r = check_function(unwound, object, &pair,
					   unit->items[i], diag);
	return r;
}

static int check_words(const struct unwound *unwound, struct hf_diag *diag)
{
	const struct strings *words = &unwound->build->options->nothrow;

	for (size_t i = 0; i < words->nr; i++) {
		if (unwound->used[i])
			continue;
		hf_refuse(diag, "option-unused",
			  "--nothrow %s: no function of that name is unwound",
			  words->items[i]);
		hf_hint(diag, "nothing has to be stated: leave it out");
		return -ECANCELED;
	}
	return 0;
}

int unwound_check(struct build *build, struct hf_diag *diag)
{
	owned(free_p) bool *used =
		calloc(build->options->nothrow.nr + 1, sizeof(*used));
	struct unwound unwound = { .build = build, .used = used };
	int r = 0;

	if (!used)
		return hf_fail(diag, -ENOMEM, "cannot read the objects");
	passage_look_at_target(build, &unwound.set);
	for (size_t i = 0; i < build->nr_objects && !r; i++)
		r = check_object(&unwound, &build->objects[i], diag);
	return r ?: check_words(&unwound, diag);
}
