#include "identity_paths.h"

#include <string.h>

#include "bind.h"

/* The end of a path's name: what follows is no part of it. */
static bool ends_name(char c)
{
	return !c || c == '/' || strchr(" \t\n\"':,;=)", c);
}

static const char *next_occurrence(const char *text, const char *directory)
{
	size_t size = strlen(directory);

	for (; (text = strstr(text, directory)); text++)
		if (ends_name(text[size]))
			return text;
	return NULL;
}

static size_t count(const char *text, const char *directory)
{
	size_t nr = 0, size = strlen(directory);

	for (; (text = next_occurrence(text, directory)); text += size)
		nr++;
	return nr;
}

static bool is_path(const char *text, size_t size)
{
	if (!size || *text != '/')
		return false;
	for (size_t i = 0; i < size; i++)
		if (text[i] <= ' ' || text[i] == 0x7f || text[i] == '"')
			return false;
	return true;
}

/*
 * All occurrences are replaced by one path, so its size follows from the two
 * sizes.
 */
bool paths_differ_by_directory(const char *ours, const char *directory,
			       const char *theirs)
{
	size_t size = strlen(directory), nr = count(ours, directory);
	size_t rest = strlen(ours) - nr * size, other;
	const char *replaced = NULL, *at;

	if (!nr || strlen(theirs) < rest || (strlen(theirs) - rest) % nr)
		return false;
	other = (strlen(theirs) - rest) / nr;
	while ((at = next_occurrence(ours, directory))) {
		size_t before = (size_t)(at - ours);

		if (strncmp(ours, theirs, before))
			return false;
		theirs += before;
		if (replaced ? strncmp(replaced, theirs, other)
			     : !is_path(theirs, other))
			return false;
		replaced = theirs;
		theirs += other;
		ours = at + size;
	}
	return !strcmp(ours, theirs);
}

/* What contains both, "/src/x" of "/src/x/lib" and "/src/x/tools/a.c". */
static char *common_directory(const char *a, const char *b)
{
	size_t same = 0, end = 0;

	while (a[same] && a[same] == b[same]) {
		if (a[same] == '/')
			end = same;
		same++;
	}
	if ((!a[same] && b[same] == '/') || (!b[same] && a[same] == '/'))
		end = same;
	return strndup(a, end);
}

/* Neither "/" nor "/usr": much else is below those. */
static bool is_specific(const char *directory)
{
	return *directory == '/' && strchr(directory + 1, '/');
}

static bool differ_below(const char *ours, const char *directory,
			 const char *theirs)
{
	return directory && is_specific(directory) &&
	       paths_differ_by_directory(ours, directory, theirs);
}

bool paths_equal(const struct check *check, const struct item *string,
		 uint64_t vaddr)
{
	const struct elf_file *file = check->build->target->file;
	const struct compile *compile = check->pair->original_compile;
	const char *ours = (const char *)string->bytes;
	const char *theirs = (const char *)elf_bytes_at(file, vaddr, 1);
	owned(free_p) char *common = NULL;

	if (!theirs || !string->size || ours[string->size - 1] ||
	    strlen(ours) + 1 != string->size ||
	    !memchr(theirs, 0,
		    file->size -
			    (size_t)((const uint8_t *)theirs - file->data)))
		return false;
	if (compile && compile->directory && compile->source)
		common = common_directory(compile->directory, compile->source);
	return differ_below(ours, common, theirs) ||
	       differ_below(ours, check->build->options->source_directory,
			    theirs);
}
