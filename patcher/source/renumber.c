#include "renumber.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../../lib/cleanup.h"
#include "../array.h"

/*
 * The error of a line is wants[].moved, and the lines that we put in before it,
 * plus `offset`, which only directives change: so it stays what it is over
 * everything that a skipped branch may hold.
 */
struct error {
	bool known;
	long offset;
};

struct conditional {
	struct error start, merged;
	bool has_merged, has_else;
	bool never; /* in an #if 0: nothing there needs a number */
};

struct renumbering {
	struct error error;
	struct conditional *conditionals;
	size_t nr;
	size_t nr_put; /* directives of ours */
};

static void merge(struct conditional *conditional, struct error error)
{
	struct error *merged = &conditional->merged;

	if (!conditional->has_merged)
		*merged = error;
	else if (!error.known || merged->offset != error.offset)
		merged->known = false;
	conditional->has_merged = true;
}

static int conditional_begin(struct renumbering *run, const struct c_line *line)
{
	struct conditional *conditional =
		array_append(run->conditionals, run->nr);

	if (!conditional)
		return -ENOMEM;
	conditional->start = run->error;
	conditional->never = line->never;
	return 0;
}

static void conditional_next(struct renumbering *run, bool is_else)
{
	struct conditional *conditional = &run->conditionals[run->nr - 1];

	merge(conditional, run->error);
	run->error = conditional->start;
	conditional->never = false;
	conditional->has_else |= is_else;
}

static void conditional_end(struct renumbering *run)
{
	struct conditional *conditional = &run->conditionals[run->nr - 1];

	merge(conditional, run->error);
	if (!conditional->has_else)
		merge(conditional, conditional->start);
	run->error = conditional->merged;
	run->nr--;
}

static bool in_dead_code(const struct renumbering *run)
{
	for (size_t i = 0; i < run->nr; i++)
		if (run->conditionals[i].never)
			return true;
	return false;
}

static long error_zero(const struct renumbering *run,
		       const struct line_want *want)
{
	return -(want->moved + (long)run->nr_put);
}

static bool is_branch_end(const struct c_line *line)
{
	return line->directive == C_ELIF || line->directive == C_ELSE ||
	       line->directive == C_ENDIF;
}

static bool needs_directive(const struct renumbering *run,
			    const struct c_line *line,
			    const struct line_want *want)
{
	/* Before these it would serve nothing, or nothing but its branch. */
	if (!line->safe || !want->number || is_branch_end(line) ||
	    line->directive == C_LINE || in_dead_code(run))
		return false;
	return !run->error.known ||
	       run->error.offset != error_zero(run, want);
}

/* What the line itself does to the lines behind it. */
static int follow(struct renumbering *run, const struct c_line *line,
		  const struct line_want *want)
{
	switch (line->directive) {
	case C_IF:
		return conditional_begin(run, line);
	case C_ELIF:
	case C_ELSE:
		if (run->nr)
			conditional_next(run, line->directive == C_ELSE);
		return 0;
	case C_ENDIF:
		if (run->nr)
			conditional_end(run);
		return 0;
	case C_LINE:
		run->error = (struct error){ !want->breaks,
					     error_zero(run, want) };
		return 0;
	default:
		return 0;
	}
}

static int put_lines(struct renumbering *run, FILE *out, const char *text,
		     size_t size, const struct c_lines *lines,
		     const struct line_want *wants)
{
	int r = 0;

	for (size_t i = 0; i < lines->nr && !r; i++) {
		const struct c_line *line = &lines->items[i];
		const struct line_want *want = &wants[i];
		size_t end = i + 1 < lines->nr ? lines->items[i + 1].start :
						 size;

		if (want->breaks)
			run->error.known = false;
		if (needs_directive(run, line, want)) {
			fprintf(out, "#line %u\n", want->number);
			run->nr_put++;
			run->error = (struct error){ true,
						     error_zero(run, want) };
		}
		r = follow(run, line, want);
		fwrite(text + line->start, 1, end - line->start, out);
	}
	return r;
}

int renumber(const char *text, size_t size, const struct c_lines *lines,
	     const struct line_want *wants, struct buffer *ret_text,
	     size_t *ret_nr_directives)
{
	struct renumbering run = { .error = { .known = true } };
	char *data = NULL;
	size_t data_size = 0;
	FILE *out = open_memstream(&data, &data_size);
	int r;

	if (!out)
		return -ENOMEM;
	r = put_lines(&run, out, text, size, lines, wants);
	free(run.conditionals);
	if (fclose(out) || !data)
		r = -ENOMEM;
	if (r) {
		free(data);
		return r;
	}
	*ret_text = (struct buffer){ (uint8_t *)data, data_size };
	*ret_nr_directives = run.nr_put;
	return 0;
}

/* Number less the line's own, from 1. */
struct rule {
	bool known;
	long shift;
};

struct rule_frame {
	struct rule before;
	bool changed; /* by one of its branches */
};

static bool rule_equal(struct rule a, struct rule b)
{
	return a.known == b.known && (!a.known || a.shift == b.shift);
}

/* After #else the number is what it was before #if; after #endif it is known
   only when no branch has changed it. */
static int rule_branch(struct rule_frame **frames, size_t *nr,
		       enum c_directive directive, struct rule *rule)
{
	struct rule_frame *frame;

	if (directive == C_IF) {
		frame = array_append(*frames, *nr);
		if (!frame)
			return -ENOMEM;
		frame->before = *rule;
		return 0;
	}
	if (!*nr)
		return 0;
	frame = &(*frames)[*nr - 1];
	frame->changed |= !rule_equal(*rule, frame->before);
	*rule = frame->before;
	if (directive == C_ENDIF) {
		rule->known &= !frame->changed;
		(*nr)--;
	}
	return 0;
}

static int present(const struct c_lines *lines, unsigned int *numbers)
{
	owned(free_p) struct rule_frame *frames = NULL;
	struct rule rule = { .known = true };
	size_t nr = 0;
	int r = 0;

	for (size_t i = 0; i < lines->nr && !r; i++) {
		const struct c_line *line = &lines->items[i];
		long number = (long)i + 1 + rule.shift;

		if (rule.known && number > 0)
			numbers[i] = (unsigned int)number;
		if (line->directive == C_LINE)
			rule = (struct rule){ line->number,
					      (long)line->number - (long)i -
						      2 };
		else if (line->directive == C_IF || is_branch_end(line))
			r = rule_branch(&frames, &nr, line->directive, &rule);
	}
	return r;
}

int presented_numbers(const struct c_lines *lines, unsigned int **ret_numbers)
{
	owned(free_p) unsigned int *numbers =
		calloc(lines->nr + 1, sizeof(*numbers));
	int r;

	if (!numbers)
		return -ENOMEM;
	r = present(lines, numbers);
	if (!r)
		*ret_numbers = take_ptr(numbers);
	return r;
}
