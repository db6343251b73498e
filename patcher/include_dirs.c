#include "include_dirs.h"

#include <errno.h>
#include <libgen.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/cleanup.h"
#include "../lib/types.h"

/* The compiler finds these by itself. */
bool include_is_of_system(const char *path)
{
	static const char *const prefixes[] = { "/usr/include", "/usr/lib",
						"/usr/local/include" };

	for (size_t i = 0; i < ARRAY_SIZE(prefixes); i++)
		if (!strncmp(path, prefixes[i], strlen(prefixes[i])))
			return true;
	return strstr(path, "/lib/gcc/") || strstr(path, "/lib/clang/");
}

static bool is_listed(const struct strings *list, const char *path)
{
	for (size_t i = 0; i < list->nr; i++)
		if (!strcmp(list->items[i], path))
			return true;
	return false;
}

/* Whether @path is @directory or above it. "/" is too far up. */
static bool holds(const char *path, const char *directory)
{
	size_t size = strlen(path);

	return size > 1 && !strncmp(path, directory, size) &&
	       (!directory[size] || directory[size] == '/');
}

static int add_directory(const char *path, struct strings *list)
{
	if (include_is_of_system(path) || is_listed(list, path))
		return 0;
	return strings_add(list, path);
}

/* Directories above @path, up to the first that holds @directory too. */
static int add_ancestors(const char *path, const char *directory,
			 struct strings *list)
{
	owned(free_p) char *copy = strdup(path);
	char *at = copy;
	int r = copy ? 0 : -ENOMEM;

	while (!r && strlen(at) > 1 && !holds(at, directory)) {
		at = dirname(at);
		if (strlen(at) > 1)
			r = add_directory(at, list);
	}
	return r;
}

static char *real_path(const char *directory, const char *path)
{
	owned(free_p) char *joined =
		*path == '/' ? strdup(path) :
			       text_format("%s/%s", directory, path);

	return joined ? realpath(joined, NULL) : NULL;
}

/* Nearer directories first: all that were named, then those above them. */
static int add_all(const char *const *paths, size_t nr, const char *directory,
		   bool above, struct strings *list)
{
	int r = 0;

	for (size_t i = 0; i < nr && !r; i++) {
		owned(free_p) char *path =
			paths[i] ? real_path(directory, paths[i]) : NULL;

		if (!path || include_is_of_system(path))
			continue;
		r = above ? add_ancestors(path, directory, list) :
			    add_directory(path, list);
	}
	return r;
}

int include_dirs_of_unit(Dwarf_Die *unit, const char *directory,
			 struct strings *ret_directories)
{
	owned(free_p) char *here = realpath(directory, NULL);
	struct strings list = { 0 };
	const char *const *paths;
	Dwarf_Files *files;
	size_t nr;
	int r;

	if (!here || dwarf_getsrcfiles(unit, &files, &nr) ||
	    dwarf_getsrcdirs(files, &paths, &nr))
		return 0;
	r = add_all(paths, nr, here, false, &list) ?:
		    add_all(paths, nr, here, true, &list);
	if (r) {
		strings_release(&list);
		return r;
	}
	*ret_directories = list;
	return 0;
}
