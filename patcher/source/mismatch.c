#include "mismatch.h"

#include <stdlib.h>
#include <string.h>

#include "../../lib/cleanup.h"
#include "../array.h"

/* Longer lines are cut in messages. */
#define SHOWN_SIZE 90
/* Beyond this, looking for the best place would take too long. */
#define COMPARISONS_MAX 50000000u

struct piece {
	const char *text;
	size_t size;
};

struct place {
	struct piece *lines;
	size_t nr;
};

static int split(const struct buffer *text, struct place *place)
{
	const char *at = (const char *)text->data;
	const char *end = at + text->size;

	while (at < end) {
		const char *newline = memchr(at, '\n', (size_t)(end - at));
		const char *next = newline ? newline + 1 : end;
		struct piece *line = array_append(place->lines, place->nr);

		if (!line)
			return -1;
		*line = (struct piece){ at, (size_t)(next - at) };
		at = next;
	}
	return 0;
}

static size_t trimmed(const char *text, size_t size)
{
	while (size && strchr("\r\n", text[size - 1]))
		size--;
	return size;
}

static bool is_equal(const struct piece *a, const struct diff_line *b)
{
	size_t size = trimmed(b->text, b->size);

	return trimmed(a->text, a->size) == size &&
	       !memcmp(a->text, b->text, size);
}

static size_t count_equal(const struct place *place, size_t at,
			  const struct diff_line *want, size_t nr)
{
	size_t equal = 0;

	for (size_t i = 0; i < nr && at + i < place->nr; i++)
		equal += is_equal(&place->lines[at + i], &want[i]);
	return equal;
}

static size_t distance(size_t a, size_t b)
{
	return a > b ? a - b : b - a;
}

static size_t best_place(const struct place *place, size_t expected,
			 const struct diff_line *want, size_t nr)
{
	size_t best = expected;
	size_t most = count_equal(place, expected, want, nr);

	if (place->nr > COMPARISONS_MAX / (nr + 1))
		return best;
	for (size_t at = 0; at < place->nr; at++) {
		size_t equal = count_equal(place, at, want, nr);

		if (equal > most ||
		    (equal == most && distance(at, expected) <
					      distance(best, expected))) {
			best = at;
			most = equal;
		}
	}
	return best;
}

static int shown(size_t size)
{
	return size > SHOWN_SIZE ? SHOWN_SIZE : (int)size;
}

static void describe(const struct place *place, size_t at,
		     const struct diff_line *want, size_t nr,
		     struct hf_diag *diag)
{
	for (size_t i = 0; i < nr; i++) {
		size_t size = trimmed(want[i].text, want[i].size);
		const struct piece *line = NULL;

		if (at + i < place->nr)
			line = &place->lines[at + i];
		if (line && is_equal(line, &want[i]))
			continue;
		hf_detail(diag, "the diff, line %u, expects:  %.*s",
			  want[i].line, shown(size), want[i].text);
		if (line)
			hf_detail(diag, "line %zu of the file is:  %.*s",
				  at + i + 1,
				  shown(trimmed(line->text, line->size)),
				  line->text);
		else
			hf_detail(diag, "the file ends at line %zu",
				  place->nr);
		return;
	}
}

void mismatch_describe(const struct diff_file *file,
		       const struct diff_section *section,
		       const struct diff_hunk *hunk, const struct buffer *text,
		       struct hf_diag *diag)
{
	owned(free_p) struct diff_line *want = NULL;
	struct place place = { 0 };
	size_t nr = 0, expected = hunk->old ? hunk->old - 1 : 0;

	if (!diff_hunk_old_lines(file, section, hunk, &want, &nr) &&
	    !split(text, &place))
		describe(&place, best_place(&place, expected, want, nr), want,
			 nr, diag);
	free(place.lines);
}
