/*
 * hotfix-cc and hotfix-record.so are looked for beside the running program (a
 * build tree), in ../lib/hotfix from there (an installation, wherever it was
 * moved), then where they were meant to be installed.
 */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "../../lib/cleanup.h"
#include "journal.h"
#include "program_name.h"
#include "recording.h"

static const char *const program = "hotfix-cc";
static const char *const library = "hotfix-record.so";

static bool has_both(const char *directory)
{
	owned(free_p) char *first = text_format("%s/%s", directory, program);
	owned(free_p) char *second = text_format("%s/%s", directory, library);

	return first && second && !access(first, X_OK) &&
	       !access(second, R_OK);
}

/* The directory of the running program, owned by the caller. */
static char *own_directory(void)
{
	char self[PATH_MAX] = "";
	ssize_t size = readlink("/proc/self/exe", self, sizeof(self) - 1);
	char *slash = size > 0 ? strrchr(self, '/') : NULL;

	return slash ? strndup(self, (size_t)(slash - self)) : strdup("");
}

/* The directory of both, owned by the caller. */
static int find_both(char **ret_directory, struct hf_diag *diag)
{
	owned(free_p) char *own = own_directory();
	owned(free_p) char *moved = text_format("%s/../lib/hotfix", own ?: "");
	const char *found = HOTFIX_LIB_DIR;

	if (!own || !moved)
		return hf_fail(diag, -ENOMEM, "cannot watch a build");
	if (has_both(own)) {
		found = own;
	} else if (has_both(moved)) {
		found = moved;
	} else if (!has_both(found)) {
		hf_error(diag, -ENOENT, "recorder-missing",
			 "%s and %s, which watch a build, are neither in %s "
			 "nor in %s nor in %s",
			 program, library, own, moved, found);
		hf_hint(diag, "install hotfix again: make install");
		return -ENOENT;
	}
	*ret_directory = journal_path(found);
	return *ret_directory ? 0 :
				hf_fail(diag, -ENOMEM, "cannot watch a build");
}

/* The dynamic loader takes blanks and colons for the ends of names. */
static int check_path(const char *path, struct hf_diag *diag)
{
	if (!strpbrk(path, " \t\n:"))
		return 0;
	hf_error(diag, -EINVAL, "recorder-path",
		 "the directory of %s has a blank or colon in its name: %s",
		 library, path);
	hf_hint(diag, "build and install hotfix in a directory without them");
	return -EINVAL;
}

static int add_preload(struct strings *environment, const char *directory)
{
	const char *others = getenv("LD_PRELOAD");

	return others && *others ?
		       strings_addf(environment, "LD_PRELOAD=%s/%s:%s",
				    directory, library, others) :
		       strings_addf(environment, "LD_PRELOAD=%s/%s", directory,
				    library);
}

static int add_optional(struct strings *environment, const char *name,
			const char *value)
{
	return value ? strings_addf(environment, "%s=%s", name, value) : 0;
}

/*
 * __DATE__ and __TIME__ are the same in both builds, or every function with one
 * of them would seem to be changed by the diff.
 */
static int add_date(struct strings *environment)
{
	if (getenv("SOURCE_DATE_EPOCH"))
		return 0;
	return strings_add(environment, "SOURCE_DATE_EPOCH=0");
}

static int add_variables(struct strings *environment, const char *tools,
			 const char *directory, const char *prefix_map,
			 const char *line_map, const char *generated)
{
	int r = add_preload(environment, tools);

	if (!r)
		r = strings_addf(environment, "HOTFIX_RECORD_LIBRARY=%s/%s",
				 tools, library);
	if (!r)
		r = strings_addf(environment, "HOTFIX_RECORD_WRAPPER=%s/%s",
				 tools, program);
	if (!r)
		r = strings_addf(environment, "HOTFIX_RECORD_DIR=%s",
				 directory);
	if (!r)
		r = add_optional(environment, "HOTFIX_RECORD_PREFIX_MAP",
				 prefix_map);
	if (!r)
		r = add_optional(environment, "HOTFIX_RECORD_LINE_MAP",
				 line_map);
	if (!r)
		r = add_optional(environment, "HOTFIX_RECORD_GENERATED",
				 generated);
	if (!r)
		r = add_date(environment);
	/* A compiler that does not run cannot be watched. */
	return r ? r : strings_add(environment, "CCACHE_DISABLE=1");
}

int recording_environment(const char *directory, const char *prefix_map,
			  const char *line_map, const char *generated,
			  struct strings *environment, struct hf_diag *diag)
{
	owned(free_p) char *tools = NULL;
	owned(free_p) char *path = NULL;
	owned(free_p) char *map = NULL;
	owned(free_p) char *before = NULL;
	int r = find_both(&tools, diag);

	if (!r)
		r = check_path(tools, diag);
	if (!r)
		r = journal_create(directory, diag);
	if (r < 0)
		return r;
	/* Compilers run in other directories. */
	path = journal_path(directory);
	map = line_map ? journal_path(line_map) : NULL;
	before = generated ? journal_path(generated) : NULL;
	if (!path || (line_map && !map) || (generated && !before) ||
	    add_variables(environment, tools, path, prefix_map, map, before) <
		    0)
		return hf_fail(diag, -ENOMEM, "cannot watch a build");
	return 0;
}

int recording_command(const struct strings *build_command,
		      struct strings *ret_command)
{
	struct strings command = { 0 };
	int r = 0;

	if (build_command->nr &&
	    program_kind(build_command->items[0]) != PROGRAM_OTHER)
		r = strings_add(&command, "env");
	if (!r)
		r = strings_add_all(&command, build_command);
	if (r < 0)
		strings_release(&command);
	else
		*ret_command = command;
	return r;
}
