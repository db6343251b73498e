#include "incident_write.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/cleanup.h"
#include "../lib/text.h"

typedef void escape_fn(FILE *to, const char *text);

/* @but: control characters that may stay. NULL: no memory, which @to shows, too. */
static char *cleaned(FILE *to, const char *text, const char *but)
{
	char *copy = strdup(text ? text : "");

	if (copy)
		text_clean_document(copy, but);
	else
		fputs("[no memory]", to);
	return copy;
}

static void print(FILE *to, escape_fn *escape, const char *format,
		  va_list arguments)
{
	for (const char *at = format; *at; at++) {
		if (*at != '%') {
			fputc(*at, to);
		} else if (at[1] == 's') {
			escape(to, va_arg(arguments, const char *));
			at++;
		} else if (!strncmp(at, "%lld", 4)) {
			fprintf(to, "%lld", va_arg(arguments, long long));
			at += 3;
		} else if (at[1] == '%') {
			fputc('%', to);
			at++;
		} else {
			abort(); /* a format that is not known here */
		}
	}
}

/* --- HTML -------------------------------------------------------------------------- */

static void html_escape(FILE *to, const char *text)
{
	owned(free_p) char *copy = cleaned(to, text, "\n\t");

	for (const char *c = copy; c && *c; c++)
		switch (*c) {
		case '<':
			fputs("&lt;", to);
			break;
		case '>':
			fputs("&gt;", to);
			break;
		case '&':
			fputs("&amp;", to);
			break;
		case '"':
			fputs("&quot;", to);
			break;
		case '\'':
			fputs("&#39;", to);
			break;
		default:
			fputc(*c, to);
		}
}

void html_print(FILE *to, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	print(to, html_escape, format, arguments);
	va_end(arguments);
}

/* --- Markdown ------------------------------------------------------------------------ */

/* Within a word an underscore is one. */
static bool is_emphasis(const char *text, const char *at)
{
	bool before = at > text && isalnum((unsigned char)at[-1]);

	return *at == '_' && !(before && isalnum((unsigned char)at[1]));
}

static void md_escape(FILE *to, const char *text)
{
	owned(free_p) char *copy = cleaned(to, text, "\n\t");

	for (char *c = copy; c && *c; c++) {
		if (*c == '\n' || *c == '\t')
			*c = ' ';
		if (strchr("\\`*<>[]|&", *c) || is_emphasis(copy, c) ||
		    (c == copy && strchr("#+-=~", *c)))
			fputc('\\', to);
		fputc(*c, to);
	}
}

void md_print(FILE *to, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	print(to, md_escape, format, arguments);
	va_end(arguments);
}

/* One more than stand together in @text, and no fewer than @least. */
static size_t fence_size(const char *text, size_t least)
{
	size_t size = least;

	for (const char *c = text; *c;) {
		size_t run = strspn(c, "`");

		if (run >= size)
			size = run + 1;
		c += run ? run : 1;
	}
	return size;
}

static void fence_put(FILE *to, size_t size)
{
	while (size--)
		fputc('`', to);
}

void md_code(FILE *to, const char *text)
{
	owned(free_p) char *copy = cleaned(to, text, "");
	size_t size;
	bool padded;

	if (!copy || !*copy)
		return;
	size = fence_size(copy, 1);
	padded = size > 1;
	fence_put(to, size);
	fprintf(to, "%s%s%s", padded ? " " : "", copy, padded ? " " : "");
	fence_put(to, size);
}

void md_block(FILE *to, const char *language, const char *text)
{
	owned(free_p) char *copy = cleaned(to, text, "\n\t");
	size_t size, length;

	if (!copy)
		return;
	size = fence_size(copy, 3);
	length = strlen(copy);
	fence_put(to, size);
	fprintf(to, "%s\n%s%s", language, copy,
		length && copy[length - 1] == '\n' ? "" : "\n");
	fence_put(to, size);
	fputc('\n', to);
}
