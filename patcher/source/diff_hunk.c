#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../array.h"
#include "diff_reader.h"

/* The lines that a hunk still has to have. */
struct counts {
	unsigned int old, new;
};

static int malformed(const struct diff_reader *reader, const char *why,
		     struct hf_diag *diag)
{
	hf_refuse(diag, "diff-malformed", "%s, line %u: %s", reader->path,
		  reader->line, why);
	hf_hint(diag, "get the diff anew, unchanged by an editor, a mail "
		      "program or a web page");
	return -ECANCELED;
}

/* "12" or "12,3"; where the end of what was read is, NULL: nothing. */
static const char *read_range(const char *text, unsigned int *first,
			      unsigned int *second)
{
	char *end;
	unsigned long number = strtoul(text, &end, 10);

	if (end == text || *text < '0' || *text > '9' || number > INT32_MAX)
		return NULL;
	*first = (unsigned int)number;
	if (*end != ',')
		return end;
	text = end + 1;
	number = strtoul(text, &end, 10);
	if (end == text || *text < '0' || *text > '9' || number > INT32_MAX)
		return NULL;
	*second = (unsigned int)number;
	return end;
}

bool hunk_begins(const struct diff_reader *reader, bool context)
{
	return reader_sees(reader, 0, context ? "***************" : "@@ -");
}

static bool read_unified_header(const struct diff_reader *reader,
				struct diff_hunk *hunk, struct counts *counts)
{
	const char *text = reader->text + reader->at + 4;
	unsigned int new;

	counts->old = counts->new = 1;
	text = read_range(text, &hunk->old, &counts->old);
	if (!text || strncmp(text, " +", 2))
		return false;
	text = read_range(text + 2, &new, &counts->new);
	hunk->nr_old = counts->old;
	return text && !strncmp(text, " @@", 3);
}

/* What a line takes from the counts; false: it belongs to no hunk. */
static bool count_line(char mark, struct counts *left)
{
	bool old = mark == ' ' || mark == '-' || mark == '\n' || mark == '\r';
	bool new = mark == ' ' || mark == '+' || mark == '\n' || mark == '\r';

	if ((!old && !new) || (old && !left->old) || (new && !left->new))
		return false;
	left->old -= old;
	left->new -= new;
	return true;
}

static int read_unified(struct diff_reader *reader, struct diff_hunk *hunk,
			struct hf_diag *diag)
{
	struct counts left;

	if (!read_unified_header(reader, hunk, &left))
		return malformed(reader, "the header of a hunk is damaged",
				 diag);
	reader_next(reader);
	while (left.old || left.new) {
		if (reader->at >= reader->size) {
			/* Blank lines at the end get lost on the way. */
			if (left.old != left.new || left.old > 2)
				return malformed(reader, "the diff ends within "
							 "a hunk", diag);
			hunk->padding = left.old;
			break;
		}
		if (!reader_sees(reader, 0, "\\") &&
		    !count_line(reader->text[reader->at], &left))
			return malformed(reader,
					 "the hunk has fewer or other lines "
					 "than its header says", diag);
		reader_next(reader);
	}
	return 0;
}

/* "*** 3,5 ****" or "--- 3,5 ----"; how many lines that means. */
static bool read_context_header(const struct diff_reader *reader,
				const char *mark, unsigned int *first,
				unsigned int *nr)
{
	unsigned int last;
	const char *text = reader->text + reader->at;

	if (!reader_sees(reader, 0, mark))
		return false;
	*first = 0;
	last = UINT32_MAX;
	text = read_range(text + 4, first, &last);
	if (!text || text[0] != ' ' || strncmp(text + 1, mark, 3) ||
	    text[4] != mark[0])
		return false;
	if (last == UINT32_MAX)
		last = *first;
	if (last < *first)
		return false;
	*nr = *first || last ? last - *first + 1 : 0;
	return true;
}

/* One half of a hunk may be left out, when nothing in it changes. */
static bool read_half(struct diff_reader *reader, const char *marks,
		      unsigned int nr)
{
	unsigned int seen = 0;

	while (seen < nr && reader->at < reader->size) {
		char mark = reader->text[reader->at];

		if (mark == '\\') {
			reader_next(reader);
			continue;
		}
		if (!(strchr(marks, mark) && mark &&
		      reader->text[reader->at + 1] == ' ') &&
		    !(seen && (mark == '\n' || mark == '\r')))
			break;
		seen++;
		reader_next(reader);
	}
	if (reader_sees(reader, 0, "\\"))
		reader_next(reader);
	return !seen || seen == nr;
}

static int read_context(struct diff_reader *reader, struct diff_hunk *hunk,
			struct hf_diag *diag)
{
	unsigned int new, nr_new;

	reader_next(reader);
	if (!read_context_header(reader, "*** ", &hunk->old, &hunk->nr_old))
		return malformed(reader, "the header of a hunk is damaged",
				 diag);
	reader_next(reader);
	if (!read_half(reader, " -!", hunk->nr_old) ||
	    !read_context_header(reader, "--- ", &new, &nr_new))
		return malformed(reader,
				 "the hunk has fewer or other lines than its "
				 "header says", diag);
	reader_next(reader);
	if (!read_half(reader, " +!", nr_new))
		return malformed(reader,
				 "the hunk has fewer or other lines than its "
				 "header says", diag);
	return 0;
}

int hunk_read(struct diff_reader *reader, bool context,
	      struct diff_hunk *ret_hunk, struct hf_diag *diag)
{
	struct diff_hunk hunk = { .at = reader->at, .line = reader->line };
	int r = context ? read_context(reader, &hunk, diag) :
			  read_unified(reader, &hunk, diag);

	/* "\ No newline at end of file" behind the last line. */
	if (!r && reader_sees(reader, 0, "\\"))
		reader_next(reader);
	if (r)
		return r;
	hunk.size = reader->at - hunk.at;
	*ret_hunk = hunk;
	return 0;
}

struct old_lines {
	struct diff_line *lines;
	size_t nr;
};

static int add_line(struct old_lines *list, const struct diff_reader *reader,
		    size_t mark_size)
{
	struct diff_line *line = array_append(list->lines, list->nr);
	size_t size = reader_line_size(reader);

	if (!line)
		return -ENOMEM;
	if (mark_size > size || reader->text[reader->at] == '\n')
		mark_size = 0;
	*line = (struct diff_line){ reader->text + reader->at + mark_size,
				    size - mark_size, reader->line };
	return 0;
}

int diff_hunk_old_lines(const struct diff_file *file,
			const struct diff_section *section,
			const struct diff_hunk *hunk,
			struct diff_line **ret_lines, size_t *ret_nr)
{
	struct diff_reader reader = {
		.path = file->path,
		.text = (const char *)file->text.data,
		.size = hunk->at + hunk->size,
		.at = hunk->at,
		.line = hunk->line,
	};
	struct old_lines list = { 0 };
	size_t mark_size = section->context ? 2 : 1;
	bool skip_new = false;
	int r = 0;

	/* The headers: one line, or two and one in the middle. */
	reader_next(&reader);
	if (section->context)
		reader_next(&reader);
	for (; reader.at < reader.size && !r; reader_next(&reader)) {
		char mark = reader.text[reader.at];

		if (section->context && list.nr == hunk->nr_old)
			break;
		if (section->context && reader_sees(&reader, 0, "--- ")) {
			/* The old half was left out: the new has it all. */
			skip_new = true;
			continue;
		}
		if (mark == '\\' || mark == '+' || (skip_new && mark == '!'))
			continue;
		r = add_line(&list, &reader, mark_size);
	}
	if (r) {
		free(list.lines);
		return r;
	}
	*ret_lines = list.lines;
	*ret_nr = list.nr;
	return 0;
}
