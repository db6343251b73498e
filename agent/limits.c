#include "limits.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/types.h"

#define LIMIT_MAX 1000000

static const struct kind {
	const char *name;
	size_t offset;
	const char *unit;
} kinds[] = {
	{ "exits", offsetof(struct limits, exits), "" },
	{ "cpu", offsetof(struct limits, cpu), "%" },
	{ "memory", offsetof(struct limits, memory), "%" },
};

static bool begins_with(const char *text, const char *word, const char **ret_rest)
{
	size_t size = strlen(word);

	if (strncmp(text, word, size))
		return false;
	*ret_rest = text + size;
	return true;
}

static bool value_parse(const char *text, const struct kind *kind,
			uint64_t *ret_value, const char **ret_rest)
{
	char *end;

	if (begins_with(text, "off", ret_rest)) {
		*ret_value = LIMIT_OFF;
		return true;
	}
	if (!isdigit((unsigned char)*text))
		return false;
	errno = 0;
	*ret_value = strtoul(text, &end, 10);
	return !errno && *ret_value <= LIMIT_MAX &&
	       begins_with(end, kind->unit, ret_rest);
}

/* "cpu=50%" and what follows it. */
static bool limit_parse(const char *text, struct limits *limits,
			const char **ret_rest)
{
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		const struct kind *kind = &kinds[i];
		uint64_t *value =
			(uint64_t *)(void *)((char *)limits + kind->offset);
		const char *rest;

		if (begins_with(text, kind->name, &rest) && *rest == '=')
			return value_parse(rest + 1, kind, value, ret_rest);
	}
	return false;
}

int limits_parse(const char *text, struct limits *limits, struct hf_diag *diag)
{
	struct limits parsed = *limits;
	const char *at = text;

	do {
		at += at > text;
		if (!limit_parse(at, &parsed, &at) || (*at && *at != ','))
			return hf_error(diag, -EINVAL, "usage",
					"--limit: \"%s\" is not of the form "
					"exits=3,cpu=100%%,memory=100%%, each of "
					"them or \"off\"",
					text);
	} while (*at);
	*limits = parsed;
	return 0;
}
