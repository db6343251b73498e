/*
 * Code that the unwinder would have to pass is refused, see passage.h: also
 * what comes along because the target has no copy of it, which judge_unwind.c
 * has not seen.
 */
#include "extract_internal.h"

#include <errno.h>
#include <string.h>

#include "passage.h"

static int refuse(const struct extract_unit *unit, const struct item *item,
		  const char *reason, struct hf_diag *diag)
{
	char text[256];

	hf_refuse(diag, passage_code(item),
		  "%s: %s %s, and the unwinder of a process does not know a "
		  "patch's code",
		  unit->pair->name, item_describe(item, text, sizeof(text)),
		  reason);
	passage_hints(item->name ?: "NAME", diag);
	return -ECANCELED;
}

static int check_function(const struct extract *extract,
			  const struct extract_unit *unit,
			  const struct item *item, struct hf_diag *diag)
{
	owned(free_p) char *reason = NULL;
	int r = passage_reason(extract->build, extract->set, unit->pair, item,
			       &reason);

	if (r)
		return hf_fail(diag, r, "cannot extract %s", unit->pair->name);
	return reason ? refuse(unit, item, reason, diag) : 0;
}

int extract_unwind(const struct extract *extract,
		   const struct extract_unit *unit, struct hf_diag *diag)
{
	const struct unit *patched = unit->pair->patched;
	int r = 0;

	for (size_t i = 0; i < patched->nr_items && !r; i++) {
		const struct item *item = patched->items[i];

		if (item->kind == ITEM_FUNCTION &&
		    fate_of(unit, item)->kind == FATE_KEPT &&
		    !passage_stated(extract->build->options, item, NULL))
			r = check_function(extract, unit, item, diag);
	}
	return r;
}
