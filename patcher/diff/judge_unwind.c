/*
 * Code of the patch that the unwinder would have to pass: functions with
 * clean-ups of their own, and those that call what may throw or be cancelled.
 * passage.h tells why that cannot be.
 */
#include <errno.h>
#include <string.h>

#include "judge_parts.h"
#include "passage.h"

struct unwind_findings {
	struct strings lines;
	const struct item *first;
};

static int add_finding(struct judge *judge, const struct unit_pair *pair,
		       const struct item *item, const char *reason,
		       struct unwind_findings *found)
{
	owned(free_p) char *line = text_format(
		"%s() (%s) %s", item->name, judge_source(judge, pair), reason);

	if (!line || judge_add_once(&judge->nothrow_names, item->name))
		return -ENOMEM;
	if (passage_stated(judge->build->options, item, judge->nothrow_used))
		return judge_override(judge,
				      "--nothrow: stated that no exception "
				      "passes %s() and no thread is cancelled "
				      "inside; it %s",
				      item->name, reason);
	if (!found->first)
		found->first = item;
	return judge_add_once(&found->lines, line);
}

static int judge_item(struct judge *judge, const struct unit_pair *pair,
		      const struct item *item, struct unwind_findings *found)
{
	owned(free_p) char *reason = NULL;
	int r;

	if (item->kind != ITEM_FUNCTION || !item->name)
		return 0;
	r = passage_reason(judge->build, judge->set, pair, item, &reason);
	return r || !reason ? r : add_finding(judge, pair, item, reason, found);
}

static int judge_set(struct judge *judge, struct unwind_findings *found)
{
	const struct change_set *set = judge->set;
	int r = 0;

	for (size_t i = 0; i < set->nr_changes && !r; i++)
		r = judge_item(judge, set->changes[i].pair,
			       set->changes[i].patched, found);
	for (size_t i = 0; i < set->nr_additions && !r; i++)
		r = judge_item(judge, set->additions[i].pair,
			       set->additions[i].patched, found);
	return r;
}

static int refuse(const struct unwind_findings *found, struct hf_diag *diag)
{
	hf_refuse(diag, passage_code(found->first),
		  "exceptions, or threads that are cancelled, may pass what "
		  "the diff changes, and the unwinder of a process does not "
		  "know a patch's code");
	judge_list(&found->lines, diag);
	passage_hints(found->first->name, diag);
	return -ECANCELED;
}

int judge_unwind(struct judge *judge, struct hf_diag *diag)
{
	struct unwind_findings found = { 0 };
	int r = passage_look_at_program(judge->set, diag);

	if (!r)
		r = judge_set(judge, &found);
	if (!r && found.lines.nr)
		r = refuse(&found, diag);
	strings_release(&found.lines);
	return r;
}
