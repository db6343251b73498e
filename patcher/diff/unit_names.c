/*
 * Names without the compiler's numbers, and names for people.
 *
 * Parts of a name that are numbers alone were dealt out by the compiler:
 * "f.part.0.isra.1", "counter.1234", "CSWTCH.17". Its own labels end in one
 * without a dot before it, ".LC12", ".LCPI0_3".
 */
#include "unit.h"

#include <ctype.h>
#include <string.h>

/* What only tells equal names of several files apart. */
static bool is_private_mark(const char *text, size_t size)
{
	static const char mark[] = "lto_priv";

	return size == sizeof(mark) - 1 && !strncmp(text, mark, size);
}

static bool is_number(const char *text, size_t size)
{
	for (size_t i = 0; i < size; i++)
		if (!isdigit((unsigned char)text[i]))
			return false;
	return size > 0;
}

static void strip_label(char *name)
{
	size_t size = strlen(name);

	while (size > 2 && (isdigit((unsigned char)name[size - 1]) ||
			    name[size - 1] == '_'))
		size--;
	name[size] = '\0';
	while (size > 2 && name[size - 1] == '.')
		name[--size] = '\0';
}

char *item_base_name(const char *name)
{
	size_t first = strcspn(name + (*name == '.'), ".") + (*name == '.');
	char *base = strdup(name), *end;

	if (!base)
		return NULL;
	end = base + first;
	for (const char *part = name + first; *part == '.';) {
		size_t size = strcspn(part + 1, ".");

		if (!is_number(part + 1, size) &&
		    !is_private_mark(part + 1, size)) {
			memmove(end, part, size + 1);
			end += size + 1;
		}
		part += size + 1;
	}
	*end = '\0';
	if (!strncmp(base, ".L", 2))
		strip_label(base);
	return base;
}

bool item_is_private(const struct item *item)
{
	return item->name && item->visibility == STV_HIDDEN &&
	       item->kind != ITEM_EXTERNAL && strchr(item->name + 1, '.');
}

/* As C would have it, shortened. Wide ones: their low bytes. */
static void describe_string(const struct item *item, char *buffer, size_t size)
{
	enum { LIMIT = 40 };
	char text[4 * LIMIT + 4], *end = text;
	uint64_t i = 0;

	for (; i + 1 < item->size && i < LIMIT; i++) {
		unsigned char byte = item->bytes[i];

		if (byte == '\n')
			end = stpcpy(end, "\\n");
		else if (byte == '"' || byte == '\\')
			end += sprintf(end, "\\%c", byte);
		else if (isprint(byte))
			*end++ = (char)byte;
		else if (byte)
			end += sprintf(end, "\\%03o", byte);
	}
	*end = '\0';
	snprintf(buffer, size, "the literal \"%s\"%s", text,
		 i < LIMIT ? "" : "...");
}

static void describe_variable(const struct item *item, char *buffer,
			      size_t size)
{
	char *base = item_base_name(item->name);
	const char *name = base ?: item->name, *dot = strchr(name, '.');

	/* clang writes the function's name before the variable's. */
	if (item->scope && dot && dot[1])
		name = dot + 1;
	if (item->scope)
		snprintf(buffer, size, "variable %s of %s()", name,
			 item->scope);
	else
		snprintf(buffer, size, "variable %s", item->name);
	free(base);
}

static void describe_table(const struct item *item, char *buffer, size_t size)
{
	if (item->parent && item->parent->name)
		snprintf(buffer, size, "a table of %s()", item->parent->name);
	else
		snprintf(buffer, size, "a table of %llu bytes without a name",
			 (unsigned long long)item->size);
}

const char *item_describe(const struct item *item, char *buffer, size_t size)
{
	const char *name = item->name ?: "?";

	switch (item->kind) {
	case ITEM_FUNCTION:
		snprintf(buffer, size, "%s()", name);
		break;
	case ITEM_COLD:
		snprintf(buffer, size, "the cold part of %s()",
			 item->parent && item->parent->name ?
				 item->parent->name :
				 name);
		break;
	case ITEM_VARIABLE:
		describe_variable(item, buffer, size);
		break;
	case ITEM_STRING:
		describe_string(item, buffer, size);
		break;
	case ITEM_CONSTANT:
		snprintf(buffer, size, "a constant of %llu bytes",
			 (unsigned long long)item->size);
		break;
	case ITEM_TABLE:
		describe_table(item, buffer, size);
		break;
	case ITEM_EXTERNAL:
		snprintf(buffer, size, "%s%s", name,
			 item->type == STT_FUNC ? "()" : "");
		break;
	}
	return buffer;
}
