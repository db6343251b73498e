/*
 * Arrays that grow by one, and lists of strings.
 *
 * Capacity is the next power of two of the length, so it needs no field: room
 * is made whenever the length is one.
 */
#pragma once

#include <stddef.h>

/* Return: the new element, zeroed; NULL when out of memory. */
#define array_append(array, nr)                                                \
	((__typeof__(array))array_grow((void **)&(array), &(nr),               \
				       sizeof(*(array))))

void *array_grow(void **array, size_t *nr, size_t element_size);

/* Strings that we own; items[nr] is NULL, as execve(2) wants it. */
struct strings {
	char **items;
	size_t nr;
};

/* Return: 0; -ENOMEM. */
int strings_add(struct strings *list, const char *text);
int strings_addf(struct strings *list, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* Adds the words of @text, separated by blanks. No quoting. */
int strings_add_words(struct strings *list, const char *text);
int strings_add_all(struct strings *list, const struct strings *other);
/* The items with blanks between them, owned by the caller; NULL: ENOMEM. */
char *strings_join(const struct strings *list);
void strings_release(struct strings *list);

/* asprintf() whose result is NULL when out of memory. */
char *text_format(const char *format, ...)
	__attribute__((format(printf, 1, 2)));
