#include "array.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/cleanup.h"

static bool is_power_of_two(size_t value)
{
	return !(value & (value - 1));
}

void *array_grow(void **array, size_t *nr, size_t element_size)
{
	char *grown = *array;

	if (is_power_of_two(*nr)) {
		grown = reallocarray(*array, *nr ? *nr * 2 : 1, element_size);
		if (!grown)
			return NULL;
		*array = grown;
	}
	grown += *nr * element_size;
	memset(grown, 0, element_size);
	(*nr)++;
	return grown;
}

static int strings_take(struct strings *list, char *text)
{
	char **items;

	if (!text)
		return -ENOMEM;
	/* One more for the NULL behind. */
	items = reallocarray(list->items, list->nr + 2, sizeof(*items));
	if (!items) {
		free(text);
		return -ENOMEM;
	}
	list->items = items;
	list->items[list->nr++] = text;
	list->items[list->nr] = NULL;
	return 0;
}

int strings_add(struct strings *list, const char *text)
{
	return strings_take(list, strdup(text));
}

int strings_addf(struct strings *list, const char *format, ...)
{
	va_list arguments;
	char *text;

	va_start(arguments, format);
	if (vasprintf(&text, format, arguments) < 0)
		text = NULL;
	va_end(arguments);
	return strings_take(list, text);
}

int strings_add_words(struct strings *list, const char *text)
{
	static const char blanks[] = " \t\n";
	int r = 0;

	while (!r && *(text += strspn(text, blanks))) {
		size_t size = strcspn(text, blanks);

		r = strings_take(list, strndup(text, size));
		text += size;
	}
	return r;
}

int strings_add_all(struct strings *list, const struct strings *other)
{
	int r = 0;

	for (size_t i = 0; i < other->nr && !r; i++)
		r = strings_add(list, other->items[i]);
	return r;
}

char *strings_join(const struct strings *list)
{
	size_t size = 1;
	char *text, *end;

	for (size_t i = 0; i < list->nr; i++)
		size += strlen(list->items[i]) + 1;
	text = end = calloc(1, size);
	for (size_t i = 0; i < list->nr && text; i++) {
		if (i)
			*end++ = ' ';
		end = stpcpy(end, list->items[i]);
	}
	return text;
}

void strings_release(struct strings *list)
{
	for (size_t i = 0; i < list->nr; i++)
		free(list->items[i]);
	free(list->items);
	*list = (struct strings){ 0 };
}

char *text_format(const char *format, ...)
{
	va_list arguments;
	char *text;

	va_start(arguments, format);
	if (vasprintf(&text, format, arguments) < 0)
		text = NULL;
	va_end(arguments);
	return text;
}
