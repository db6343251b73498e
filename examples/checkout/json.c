#define _GNU_SOURCE
#include "json.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BLANK " \t\r\n"

/* Where the value of a key begins. */
static const char *value_find(const char *object, const char *key)
{
	char quoted[40];
	const char *next;

	snprintf(quoted, sizeof(quoted), "\"%s\"", key);
	next = strstr(object, quoted);
	if (!next)
		return NULL;
	next += strlen(quoted);
	next += strspn(next, BLANK);
	if (*next++ != ':')
		return NULL;
	return next + strspn(next, BLANK);
}

bool json_string(const char *object, const char *key, char *ret_value,
		 size_t size)
{
	const char *value = value_find(object, key);
	size_t length;

	if (!value || *value++ != '"')
		return false;
	length = strcspn(value, "\"\\");
	if (value[length] != '"' || length >= size)
		return false;
	memcpy(ret_value, value, length);
	ret_value[length] = '\0';
	return true;
}

bool json_integer(const char *object, const char *key, int64_t *ret_value)
{
	const char *value = value_find(object, key);
	char *end;
	long long number;

	if (!value)
		return false;
	errno = 0;
	number = strtoll(value, &end, 10);
	if (errno || end == value || !strchr(BLANK ",}", *end))
		return false;
	*ret_value = number;
	return true;
}
