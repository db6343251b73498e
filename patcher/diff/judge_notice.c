/*
 * What is to be known of many functions or variables is said once, with how
 * many there are and the first of them; all names are in the change set.
 */
#include <errno.h>
#include <stdarg.h>
#include <string.h>

#include "judge_parts.h"

#define NAMED_MAX 4

static struct notice *notice_of(struct change_set *set,
				const struct notice_kind *kind)
{
	struct notice *notice;

	for (size_t i = 0; i < set->nr_notices; i++)
		if (set->notices[i].kind == kind)
			return &set->notices[i];
	notice = array_append(set->notices, set->nr_notices);
	if (notice)
		*notice = (struct notice){ .kind = kind };
	return notice;
}

int judge_notice(struct judge *judge, const struct notice_kind *kind,
		 const char *format, ...)
{
	struct notice *notice = notice_of(judge->set, kind);
	owned(free_p) char *name = NULL;
	va_list arguments;
	int r;

	if (!notice)
		return -ENOMEM;
	va_start(arguments, format);
	r = vasprintf(&name, format, arguments);
	va_end(arguments);
	if (r < 0) {
		name = NULL;
		return -ENOMEM;
	}
	return judge_add_once(&notice->names, name);
}

/* "a, b, c, d and 12 more", owned by the caller. */
static char *list_names(const struct strings *names)
{
	size_t shown = names->nr > NAMED_MAX + 1 ? NAMED_MAX : names->nr;
	char *text = strdup("");

	for (size_t i = 0; text && i < shown; i++) {
		owned(free_p) char *before = text;
		const char *comma = !i			? "" :
				    i + 1 == names->nr ? " and " :
							 ", ";

		text = text_format("%s%s%s", before, comma, names->items[i]);
	}
	if (text && shown < names->nr) {
		owned(free_p) char *before = text;

		text = text_format("%s and %zu more", before,
				   names->nr - shown);
	}
	return text;
}

static int say(struct judge *judge, const struct notice *notice)
{
	const struct strings *names = &notice->names;
	owned(free_p) char *list = NULL;

	if (names->nr == 1)
		return judge_warn(judge, "%s %s", names->items[0],
				  notice->kind->one);
	list = list_names(names);
	return list ? judge_warn(judge, "%zu %s:\n%s", names->nr,
				 notice->kind->many, list) :
		      -ENOMEM;
}

int judge_say_notices(struct judge *judge)
{
	int r = 0;

	for (size_t i = 0; i < judge->set->nr_notices && !r; i++)
		r = say(judge, &judge->set->notices[i]);
	return r;
}

void notices_release(struct notice *notices, size_t nr)
{
	for (size_t i = 0; i < nr; i++)
		strings_release(&notices[i].names);
	free(notices);
}
