#include "diff_name.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../../lib/cleanup.h"

static bool is_octal(char c)
{
	return c >= '0' && c <= '7';
}

/* One escape, at the backslash; how many characters it has, 0: damaged. */
static size_t unescape(const char *text, size_t left, char *ret_char)
{
	static const char from[] = "abfnrtv\"\\", to[] = "\a\b\f\n\r\t\v\"\\";
	const char *found;

	if (left < 2 || !text[1])
		return 0;
	if (left >= 4 && is_octal(text[1]) && is_octal(text[2]) &&
	    is_octal(text[3])) {
		*ret_char = (char)((text[1] - '0') << 6 |
				   (text[2] - '0') << 3 | (text[3] - '0'));
		return 4;
	}
	found = strchr(from, text[1]);
	if (!found)
		return 0;
	*ret_char = to[found - from];
	return 2;
}

static int parse_quoted(const char *text, size_t size, char *name,
			size_t *ret_used)
{
	size_t at = 1, nr = 0;

	while (at < size && text[at] != '"') {
		size_t used = 1;

		name[nr] = text[at];
		if (text[at] == '\\')
			used = unescape(text + at, size - at, &name[nr]);
		/* No file name of a source holds these, and the line map
		   could not. */
		if (!used || !name[nr] || name[nr] == '\n')
			return -EBADMSG;
		nr++;
		at += used;
	}
	if (at >= size)
		return -EBADMSG;
	name[nr] = '\0';
	*ret_used = at + 1;
	return 0;
}

/* Up to the tab before the date; without one, up to the first blank. */
static size_t plain_size(const char *text, size_t size)
{
	const char *tab = memchr(text, '\t', size);
	size_t end = 0;

	if (tab)
		return (size_t)(tab - text);
	while (end < size && !strchr(" \r\n", text[end]))
		end++;
	return end;
}

int diff_name_parse(const char *text, size_t size, char **ret_name,
		    size_t *ret_used)
{
	owned(free_p) char *name = malloc(size + 1);
	size_t used;
	int r;

	if (!name)
		return -ENOMEM;
	if (size && *text == '"') {
		r = parse_quoted(text, size, name, &used);
		if (r)
			return r;
	} else {
		used = plain_size(text, size);
		memcpy(name, text, used);
		name[used] = '\0';
	}
	if (ret_used)
		*ret_used = used;
	*ret_name = !*name || !strcmp(name, "/dev/null") ? NULL :
							   take_ptr(name);
	return 0;
}

const char *diff_name_strip(const char *name, unsigned int level)
{
	while (level--) {
		name = strchr(name, '/');
		if (!name)
			return NULL;
		name += strspn(name, "/");
	}
	/* ./src/a.c is src/a.c. */
	while (!strncmp(name, "./", 2))
		name += 2 + strspn(name + 2, "/");
	return *name ? name : NULL;
}

bool diff_name_is_inside(const char *name)
{
	if (*name == '/')
		return false;
	while (*name) {
		size_t size = strcspn(name, "/");

		if (size == 2 && !strncmp(name, "..", 2))
			return false;
		name += size;
		name += strspn(name, "/");
	}
	return true;
}
