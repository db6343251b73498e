#include "c_lexer.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "../../lib/cleanup.h"
#include "../array.h"

/* C++ allows 16 characters between R" and the parenthesis. */
#define RAW_DELIMITER_MAX 16

/*
 * Parentheses where branches of one #if differ: the deepest counts, which may
 * forbid a place that is fine, and never allows one that is not.
 */
struct branch {
	unsigned int before, deepest;
	bool never; /* the branch that is read is that of an #if 0 */
};

struct lexer {
	const char *text;
	size_t size, at;
	struct c_lines lines;
	struct branch *branches;
	size_t nr_branches;
	unsigned int depth;   /* of parentheses */
	bool in_directive;
	bool fresh;	      /* no token yet since the logical line began */
	bool after_name;      /* the last token is an identifier */
};

static char peek(const struct lexer *lexer, size_t ahead)
{
	return ahead < lexer->size - lexer->at ?
		       lexer->text[lexer->at + ahead] :
		       '\0';
}

static struct c_line *this_line(struct lexer *lexer)
{
	return &lexer->lines.items[lexer->lines.nr - 1];
}

/* The one place where lines are counted. A new line is unsafe until
   end_line() says otherwise. */
static void step(struct lexer *lexer)
{
	if (lexer->at >= lexer->size)
		return;
	if (lexer->text[lexer->at++] == '\n' && lexer->at < lexer->size)
		lexer->lines.items[lexer->lines.nr++].start = lexer->at;
}

static void skip(struct lexer *lexer, size_t size)
{
	while (size--)
		step(lexer);
}

/* The length of a backslash that joins two lines, 0: it is none. Compilers
   allow blanks behind it. */
static size_t continuation(const struct lexer *lexer)
{
	size_t size = 1;

	if (peek(lexer, 0) != '\\')
		return 0;
	while (strchr(" \t\r\f\v", peek(lexer, size)) && peek(lexer, size))
		size++;
	return peek(lexer, size) == '\n' ? size + 1 : 0;
}

static void skip_blanks(struct lexer *lexer)
{
	for (;;) {
		size_t joined = continuation(lexer);

		if (joined)
			skip(lexer, joined);
		else if (peek(lexer, 0) == ' ' || peek(lexer, 0) == '\t')
			step(lexer);
		else
			return;
	}
}

static void skip_line_comment(struct lexer *lexer)
{
	while (lexer->at < lexer->size && peek(lexer, 0) != '\n') {
		size_t joined = continuation(lexer);

		skip(lexer, joined ? joined : 1);
	}
}

static void skip_block_comment(struct lexer *lexer)
{
	skip(lexer, 2);
	while (lexer->at < lexer->size &&
	       (peek(lexer, 0) != '*' || peek(lexer, 1) != '/'))
		step(lexer);
	skip(lexer, 2);
}

static bool skip_comment(struct lexer *lexer)
{
	if (peek(lexer, 0) != '/')
		return false;
	if (peek(lexer, 1) == '*')
		skip_block_comment(lexer);
	else if (peek(lexer, 1) == '/')
		skip_line_comment(lexer);
	else
		return false;
	return true;
}

/* Ends with its line, so that an apostrophe in prose does no harm. */
static void skip_quoted(struct lexer *lexer)
{
	char quote = peek(lexer, 0);

	step(lexer);
	while (lexer->at < lexer->size && peek(lexer, 0) != '\n') {
		size_t joined = continuation(lexer);
		char c = peek(lexer, 0);

		if (joined)
			skip(lexer, joined);
		else
			skip(lexer, c == '\\' && peek(lexer, 1) != '\n' ? 2 : 1);
		if (c == quote)
			return;
	}
}

/* lexer->at is at the quote of R". False: no raw string begins here. */
static bool skip_raw_string(struct lexer *lexer)
{
	const char *start = lexer->text + lexer->at + 1;
	size_t left = lexer->size - lexer->at - 1, nr = 0;
	char end[RAW_DELIMITER_MAX + 2];
	const char *found;

	while (nr < left && nr <= RAW_DELIMITER_MAX && start[nr] != '(') {
		if (isspace((unsigned char)start[nr]) ||
		    strchr(")\\\"", start[nr]))
			return false;
		nr++;
	}
	if (nr >= left || nr > RAW_DELIMITER_MAX)
		return false;
	end[0] = ')';
	memcpy(end + 1, start, nr);
	end[nr + 1] = '"';
	found = memmem(start + nr, left - nr, end, nr + 2);
	if (!found)
		return false;
	skip(lexer, (size_t)(found - start) + 1 + nr + 2);
	return true;
}

static bool is_name(char c)
{
	return isalnum((unsigned char)c) || c == '_' || c == '$' ||
	       (unsigned char)c >= 0x80;
}

static bool is_raw_prefix(const char *name, size_t size)
{
	static const char *const prefixes[] = { "R", "LR", "uR", "UR", "u8R" };

	for (size_t i = 0; i < sizeof(prefixes) / sizeof(*prefixes); i++)
		if (strlen(prefixes[i]) == size &&
		    !memcmp(prefixes[i], name, size))
			return true;
	return false;
}

static void skip_name(struct lexer *lexer)
{
	const char *name = lexer->text + lexer->at;
	size_t size = 0;

	while (is_name(peek(lexer, size)))
		size++;
	skip(lexer, size);
	lexer->after_name = true;
	if (peek(lexer, 0) == '"' && is_raw_prefix(name, size) &&
	    skip_raw_string(lexer))
		lexer->after_name = false;
}

/* A preprocessing number: 0x1p-3, 1'000'000 (which begins no character
   constant). */
static void skip_number(struct lexer *lexer)
{
	for (;;) {
		char c = peek(lexer, 0), next = peek(lexer, 1);

		if (strchr("eEpP", c) && c && (next == '+' || next == '-'))
			skip(lexer, 2);
		else if (c == '\'' && is_name(next))
			skip(lexer, 2);
		else if (is_name(c) || c == '.')
			step(lexer);
		else
			return;
	}
}

static void read_line_name(struct lexer *lexer, struct c_line *line)
{
	size_t start, size = 0;

	skip_blanks(lexer);
	if (peek(lexer, 0) != '"')
		return;
	start = lexer->at + 1;
	while (peek(lexer, size + 1) && !strchr("\"\n", peek(lexer, size + 1)))
		size += peek(lexer, size + 1) == '\\' ? 2 : 1;
	if (peek(lexer, size + 1) == '"')
		line->name = (struct c_piece){ start, size };
}

static void read_line_number(struct lexer *lexer, struct c_line *line)
{
	unsigned int number = 0;
	size_t start;

	skip_blanks(lexer);
	start = lexer->at;
	while (isdigit((unsigned char)peek(lexer, 0))) {
		unsigned int digit = (unsigned int)(peek(lexer, 0) - '0');

		number = number > (INT_MAX - digit) / 10 ? INT_MAX :
							   number * 10 + digit;
		step(lexer);
	}
	if (is_name(peek(lexer, 0)))
		return;
	line->digits = (struct c_piece){ start, lexer->at - start };
	line->number = number == INT_MAX ? 0 : number;
	read_line_name(lexer, line);
}

static enum c_directive directive_named(const char *name, size_t size)
{
	static const struct {
		const char *name;
		enum c_directive directive;
	} known[] = {
		{ "if", C_IF },	      { "ifdef", C_IF },
		{ "ifndef", C_IF },   { "else", C_ELSE },
		{ "elif", C_ELIF },   { "elifdef", C_ELIF },
		{ "elifndef", C_ELIF }, { "endif", C_ENDIF },
		{ "line", C_LINE },
	};

	for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++)
		if (strlen(known[i].name) == size &&
		    !memcmp(known[i].name, name, size))
			return known[i].directive;
	return C_OTHER;
}

static int branch_open(struct lexer *lexer, bool never)
{
	struct branch *branch =
		array_append(lexer->branches, lexer->nr_branches);

	if (!branch)
		return -ENOMEM;
	branch->before = lexer->depth;
	branch->never = never;
	return 0;
}

static void branch_end(struct lexer *lexer, bool last)
{
	struct branch *branch;

	if (!lexer->nr_branches)
		return;
	branch = &lexer->branches[lexer->nr_branches - 1];
	if (!branch->never && lexer->depth > branch->deepest)
		branch->deepest = lexer->depth;
	lexer->depth = branch->before;
	branch->never = false;
	if (!last)
		return;
	if (branch->deepest > lexer->depth)
		lexer->depth = branch->deepest;
	lexer->nr_branches--;
}

static bool is_zero(struct lexer *lexer)
{
	skip_blanks(lexer);
	return peek(lexer, 0) == '0' && !is_name(peek(lexer, 1)) &&
	       peek(lexer, 1) != '.';
}

/* lexer->at is behind the #. */
static int read_directive(struct lexer *lexer, struct c_line *line)
{
	const char *name;
	size_t size = 0;

	lexer->in_directive = true;
	skip_blanks(lexer);
	name = lexer->text + lexer->at;
	while (is_name(peek(lexer, size)))
		size++;
	if (isdigit((unsigned char)peek(lexer, 0))) {
		line->directive = C_LINE;
		read_line_number(lexer, line);
		return 0;
	}
	line->directive = directive_named(name, size);
	skip(lexer, size);
	switch (line->directive) {
	case C_LINE:
		read_line_number(lexer, line);
		return 0;
	case C_IF:
		line->never = size == 2 && is_zero(lexer);
		return branch_open(lexer, line->never);
	case C_ELIF:
	case C_ELSE:
	case C_ENDIF:
		branch_end(lexer, line->directive == C_ENDIF);
		return 0;
	default:
		return 0;
	}
}

static void skip_mark(struct lexer *lexer)
{
	char c = peek(lexer, 0);
	bool first_column = lexer->at == this_line(lexer)->start;

	step(lexer);
	if (lexer->in_directive)
		return;
	if (c == '(')
		lexer->depth++;
	else if (c == ')' && lexer->depth)
		lexer->depth--;
	else if (c == '}' && first_column)
		lexer->depth = 0;
}

static int read_token(struct lexer *lexer)
{
	struct c_line *line = this_line(lexer);
	char c = peek(lexer, 0);
	bool first = lexer->fresh;

	if (!line->has_token) {
		line->has_token = true;
		line->opens = c == '(';
	}
	lexer->fresh = false;
	lexer->after_name = false;
	if (c == '#' && first) {
		step(lexer);
		return read_directive(lexer, line);
	}
	if (c == '"' || c == '\'')
		skip_quoted(lexer);
	else if (isdigit((unsigned char)c) ||
		 (c == '.' && isdigit((unsigned char)peek(lexer, 1))))
		skip_number(lexer);
	else if (is_name(c))
		skip_name(lexer);
	else
		skip_mark(lexer);
	return 0;
}

static void end_line(struct lexer *lexer)
{
	if (lexer->in_directive)
		lexer->after_name = false;
	lexer->in_directive = false;
	lexer->fresh = true;
	step(lexer);
	if (lexer->at == lexer->size)
		return; /* no line follows */
	this_line(lexer)->safe = !lexer->depth;
	this_line(lexer)->after_name = lexer->after_name;
}

static int lex(struct lexer *lexer)
{
	int r = 0;

	while (lexer->at < lexer->size && !r) {
		size_t joined = continuation(lexer);
		char c = peek(lexer, 0);

		if (joined)
			skip(lexer, joined);
		else if (c == '\n')
			end_line(lexer);
		else if (isspace((unsigned char)c))
			step(lexer);
		else if (!skip_comment(lexer))
			r = read_token(lexer);
	}
	return r;
}

/*
 * A directive between a macro's name and its arguments would part them:
 *
 *	CHECK
 *	(x);
 */
static void forbid_before_arguments(struct c_lines *lines)
{
	bool opens = false;

	for (size_t i = lines->nr; i--;) {
		struct c_line *line = &lines->items[i];

		if (line->has_token)
			opens = line->opens;
		if (opens && line->after_name)
			line->safe = false;
	}
}

static size_t count_lines(const char *text, size_t size)
{
	size_t nr = 1;

	for (size_t i = 0; i < size; i++)
		nr += text[i] == '\n';
	return nr;
}

int c_lex(const char *text, size_t size, struct c_lines *ret_lines)
{
	struct lexer lexer = { .text = text, .size = size, .fresh = true };
	int r;

	lexer.lines.items =
		calloc(count_lines(text, size), sizeof(*lexer.lines.items));
	if (!lexer.lines.items)
		return -ENOMEM;
	if (size)
		lexer.lines.items[lexer.lines.nr++].safe = true;
	r = lex(&lexer);
	free(lexer.branches);
	if (r) {
		c_lines_release(&lexer.lines);
		return r;
	}
	forbid_before_arguments(&lexer.lines);
	*ret_lines = lexer.lines;
	return 0;
}

void c_lines_release(struct c_lines *lines)
{
	free(lines->items);
	*lines = (struct c_lines){ 0 };
}
