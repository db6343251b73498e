/*
 * A diff line by line, and the hunks in it: between diff_file.c and
 * diff_hunk.c.
 */
#pragma once

#include "diff_file.h"

struct diff_reader {
	const char *path, *text;
	size_t size, at; /* at: start of the present line */
	unsigned int line;
};

/* Whether the line that is @ahead lines further begins with @prefix. */
bool reader_sees(const struct diff_reader *reader, size_t ahead,
		 const char *prefix);
/* The present line's length, with its newline. */
size_t reader_line_size(const struct diff_reader *reader);
void reader_next(struct diff_reader *reader);

bool hunk_begins(const struct diff_reader *reader, bool context);
/* Return: 0; -ECANCELED: "diff-malformed". */
int hunk_read(struct diff_reader *reader, bool context,
	      struct diff_hunk *ret_hunk, struct hf_diag *diag);
