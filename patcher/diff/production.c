/*
 * The target's compilation units have names such as /build/x-1.0/src/a.c. Where
 * the source directory has a src/a.c, and no file of a longer ending of that
 * name, the target was built in /build/x-1.0. The units vote.
 *
 *	/build/x-1.0/src/a.c      DIR/src/a.c exists
 *	└─ prefix ─┘ └ ending ┘
 */
#include "production.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

/* More would only say the same again. */
#define UNITS_MAX 64

struct candidate {
	char *prefix;
	unsigned int votes;
};

struct candidates {
	struct candidate *items;
	size_t nr;
};

static void candidates_release(struct candidates *candidates)
{
	for (size_t i = 0; i < candidates->nr; i++)
		free(candidates->items[i].prefix);
	free(candidates->items);
}

/* Length of what stands before the longest ending that is in @source. */
static size_t prefix_length(const char *path, const char *source)
{
	for (const char *at = strchr(path + 1, '/'); at;
	     at = strchr(at + 1, '/')) {
		owned(free_p) char *here = text_format("%s%s", source, at);
		struct stat status;

		if (here && !stat(here, &status) && S_ISREG(status.st_mode))
			return (size_t)(at - path);
	}
	return 0;
}

static int vote(struct candidates *candidates, const char *path, size_t length)
{
	struct candidate *candidate;

	for (size_t i = 0; i < candidates->nr; i++) {
		candidate = &candidates->items[i];
		if (strlen(candidate->prefix) != length ||
		    strncmp(candidate->prefix, path, length))
			continue;
		candidate->votes++;
		return 0;
	}
	candidate = array_append(candidates->items, candidates->nr);
	if (!candidate)
		return -ENOMEM;
	candidate->votes = 1;
	candidate->prefix = strndup(path, length);
	return candidate->prefix ? 0 : -ENOMEM;
}

static int poll_unit(Dwarf_Die *unit, const char *source,
		     struct candidates *candidates)
{
	owned(free_p) char *path = debuginfo_unit_path(unit);
	size_t length;

	if (!path)
		return -ENOMEM;
	/* The build had itself mapped: nothing to add. */
	if (*path != '/')
		return 0;
	length = prefix_length(path, source);
	return length ? vote(candidates, path, length) : 0;
}

static int poll_units(const struct build *build, const char *source,
		      struct candidates *candidates)
{
	Dwarf *dwarf = debuginfo_dwarf(build->debuginfo);
	Dwarf_CU *cu = NULL;
	Dwarf_Die unit;
	int r = 0;

	for (size_t i = 0; dwarf && i < UNITS_MAX && !r; i++) {
		if (dwarf_get_units(dwarf, cu, &cu, NULL, NULL, &unit, NULL))
			break;
		r = poll_unit(&unit, source, candidates);
	}
	return r;
}

static const struct candidate *winner(const struct candidates *candidates)
{
	const struct candidate *best = NULL;

	for (size_t i = 0; i < candidates->nr; i++)
		if (!best || candidates->items[i].votes > best->votes)
			best = &candidates->items[i];
	return best;
}

int production_prefix_map(const struct build *build, char **ret_map,
			  struct hf_diag *diag)
{
	const char *directory = build->options->source_directory;
	owned(free_p) char *source = realpath(directory, NULL);
	struct candidates candidates = { 0 };
	const struct candidate *best;
	int r;

	if (!source)
		return hf_fail(diag, -errno, "cannot find the source %s",
			       directory);
	*ret_map = NULL;
	r = poll_units(build, source, &candidates);
	best = winner(&candidates);
	if (!r && best && strcmp(best->prefix, source)) {
		*ret_map = text_format("%s=%s", source, best->prefix);
		r = *ret_map ? 0 : -ENOMEM;
	}
	candidates_release(&candidates);
	return r ? hf_fail(diag, r, "cannot read the source %s", directory) :
		   0;
}
