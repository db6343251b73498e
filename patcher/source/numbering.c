#include "numbering.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../../lib/cleanup.h"
#include "../../lib/types.h"
#include "c_lexer.h"
#include "renumber.h"

static const char *extension(const char *path)
{
	const char *slash = strrchr(path, '/');
	const char *dot = strrchr(slash ? slash : path, '.');

	return dot ? dot + 1 : "";
}

/* .inc and .def are also an assembler's or a linker's: their comments and
   macros begin lines in ways that C's never do. */
static bool looks_foreign(const struct buffer *text)
{
	const char *at = (const char *)text->data;
	const char *end = at + text->size;

	while (at && at < end) {
		if (*at == ';' || *at == '%' || !strncmp(at, "LIBRARY", 7) ||
		    !strncmp(at, "EXPORTS", 7))
			return true;
		at = memchr(at, '\n', (size_t)(end - at));
		at = at ? at + 1 : NULL;
	}
	return false;
}

bool numbering_fits(const char *path, const struct buffer *text)
{
	static const char *const names[] = { "c",   "h",   "cc",  "hh",
					     "cpp", "hpp", "cxx", "hxx",
					     "c++", "h++", "C",   "H",
					     "ipp", "tcc", "inl", "ixx",
					     "m",   "mm" };
	static const char *const shared[] = { "inc", "def" };
	const char *name = extension(path);

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (!strcmp(name, names[i]))
			return true;
	for (size_t i = 0; i < ARRAY_SIZE(shared); i++)
		if (!strcmp(name, shared[i]))
			return !looks_foreign(text);
	return false;
}

struct texts {
	struct c_lines old, new;
	unsigned int *old_numbers;
	struct line_want *wants; /* one per new line */
};

static void texts_release(struct texts *texts)
{
	c_lines_release(&texts->old);
	c_lines_release(&texts->new);
	free(texts->old_numbers);
	free(texts->wants);
}

/* Lines [first, last) are old ones, @moved lines further down. */
static void want_unchanged(struct texts *texts, size_t first, size_t last,
			   long moved)
{
	for (size_t i = first; i < last && i < texts->new.nr; i++) {
		long old = (long)i - moved;

		texts->wants[i].moved = moved;
		if (old >= 0 && (size_t)old < texts->old.nr)
			texts->wants[i].number = texts->old_numbers[old];
	}
}

/* A directive in the changed block itself, old or new, leaves a number behind
   the block that only a directive of ours makes certain. */
static void want_changed(struct texts *texts, const struct line_change *change)
{
	size_t behind = change->new - 1 + change->nr_new;
	bool breaks = false;

	for (size_t i = change->old - 1;
	     i < change->old - 1 + change->nr_old && i < texts->old.nr; i++)
		breaks |= texts->old.items[i].directive == C_LINE;
	for (size_t i = change->new - 1; i < behind && i < texts->new.nr; i++)
		breaks |= texts->new.items[i].directive == C_LINE;
	if (behind < texts->new.nr)
		texts->wants[behind].breaks = breaks;
}

static void want_all(struct texts *texts, const struct line_change *changes,
		     size_t nr_changes)
{
	size_t first = 0;
	long moved = 0;

	for (size_t i = 0; i < nr_changes; i++) {
		const struct line_change *change = &changes[i];

		want_unchanged(texts, first, change->new - 1, moved);
		want_changed(texts, change);
		first = change->new - 1 + change->nr_new;
		moved += (long)change->nr_new - (long)change->nr_old;
	}
	want_unchanged(texts, first, texts->new.nr, moved);
}

static int lex(const struct buffer *buffer, struct c_lines *ret_lines)
{
	return c_lex((const char *)buffer->data, buffer->size, ret_lines);
}

static int texts_open(struct texts *texts, const struct buffer *old,
		      const struct buffer *new)
{
	int r = lex(old, &texts->old);

	if (!r)
		r = lex(new, &texts->new);
	if (!r)
		r = presented_numbers(&texts->old, &texts->old_numbers);
	if (r)
		return r;
	texts->wants = calloc(texts->new.nr + 1, sizeof(*texts->wants));
	return texts->wants ? 0 : -ENOMEM;
}

int numbering_keep(const struct buffer *old, const struct buffer *new,
		   const struct line_change *changes, size_t nr_changes,
		   struct buffer *ret_text)
{
	struct texts texts = { 0 };
	size_t nr_directives;
	int r = texts_open(&texts, old, new);

	if (!r) {
		want_all(&texts, changes, nr_changes);
		r = renumber((const char *)new->data, new->size, &texts.new,
			     texts.wants, ret_text, &nr_directives);
	}
	texts_release(&texts);
	return r;
}
