/*
 * Generated headers that a compilation is about to read and whose lines have
 * moved.
 *
 * A header is changed only when it is known to be whole: others may be in the
 * middle of their generation by a parallel make. That this compiler is going to
 * read it is the proof, since make has waited for it. So the compiler is asked,
 * by -E; but only where a generated file with moved lines exists at all, which
 * few builds have.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../lib/cleanup.h"
#include "../source/generated.h"
#include "tree_walk.h"
#include "wrapper.h"

/* ---- what has moved ------------------------------------------------------ */

struct search {
	const struct generated_origin *origin;
	const char *tree;
	struct strings *found; /* real paths */
};

static int look_at(const struct walk_entry *entry, void *context,
		   struct hf_diag *diag)
{
	struct search *search = context;
	owned(free_p) char *path = NULL, *real = NULL;

	(void)diag;
	if (entry->step != WALK_ENTRY)
		return 0;
	path = text_format("%s/%s", search->tree, entry->path);
	if (!path)
		return -ENOMEM;
	real = realpath(path, NULL);
	if (!real || !generated_lines_moved(real, entry->path, search->origin))
		return 0;
	return strings_add(search->found, real);
}

static int find_moved(const struct generated_origin *origin,
		      struct strings *moved)
{
	const char *tree = getenv("HOTFIX_RECORD_TREE");
	struct search search = { origin, tree, moved };

	return tree ? tree_walk(origin->generated, look_at, &search, NULL) : 0;
}

/* ---- what the compiler reads --------------------------------------------- */

static bool begins(const char *word, const char *prefix)
{
	return !strncmp(word, prefix, strlen(prefix));
}

static bool has_argument(const char *word)
{
	static const char *const options[] = { "-o", "-MF", "-MT", "-MQ",
					       "-MJ" };

	for (size_t i = 0; i < sizeof(options) / sizeof(*options); i++)
		if (!strcmp(word, options[i]))
			return true;
	return false;
}

/* Whatever makes the compiler write a file. */
static bool writes(const char *word)
{
	return !strcmp(word, "-c") || begins(word, "-M") ||
	       begins(word, "-Wp,-M") || begins(word, "-save-temps") ||
	       (begins(word, "-o") && !begins(word, "-object"));
}

static int preprocessing(const struct wrapper *wrapper,
			 const struct compile_command *command,
			 struct strings *ret_words)
{
	char *const *word = command->arguments.items;
	int r = strings_add(ret_words, wrapper->arguments[0]);

	if (!r)
		r = strings_add(ret_words, "-E");
	for (; *word && !r; word++) {
		if (has_argument(*word) && word[1])
			word++;
		else if (!writes(*word))
			r = strings_add(ret_words, *word);
	}
	return r;
}

static bool is_listed(const struct strings *list, const char *text)
{
	for (size_t i = 0; i < list->nr; i++)
		if (!strcmp(list->items[i], text))
			return true;
	return false;
}

/* # 1 "dir/gram.h" 1 */
static int read_marker(char *line, const struct strings *moved,
		       struct strings *files)
{
	char *name = strchr(line, '"');
	char *end = name ? strrchr(name + 1, '"') : NULL;
	owned(free_p) char *real = NULL;

	if (line[0] != '#' || line[1] != ' ' || !end)
		return 0;
	*end = '\0';
	real = realpath(name + 1, NULL);
	if (!real || !is_listed(moved, real) || is_listed(files, real))
		return 0;
	return strings_add(files, real);
}

static int read_markers(int fd, const struct strings *moved,
			struct strings *files)
{
	owned(fclose_p) FILE *text = fdopen(fd, "r");
	owned(free_p) char *line = NULL;
	size_t size = 0;
	int r = 0;

	if (!text) {
		close(fd);
		return -ENOMEM;
	}
	while (!r && getline(&line, &size, text) > 0)
		r = read_marker(line, moved, files);
	return r;
}

static int start_quietly(const struct wrapper *wrapper, char *const *words,
			 int output, pid_t *ret_pid)
{
	owned(close_p) int nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);
	owned(close_p) int errors = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 0);
	int r;

	if (nowhere < 0 || errors < 0)
		return -errno;
	dup2(nowhere, STDERR_FILENO);
	r = wrapper_start(wrapper, words, output, ret_pid);
	dup2(errors, STDERR_FILENO);
	return r;
}

static int preprocess(const struct wrapper *wrapper, char *const *words,
		      const struct strings *moved, struct strings *files)
{
	int ends[2], r;
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return -errno;
	r = start_quietly(wrapper, words, ends[1], &pid);
	close(ends[1]);
	if (r) {
		close(ends[0]);
		return r;
	}
	r = read_markers(ends[0], moved, files);
	wrapper_wait(pid);
	return r;
}

int wrapper_moved_includes(const struct wrapper *wrapper,
			   const struct compile_command *command,
			   const struct generated_origin *origin,
			   struct strings *files)
{
	struct strings moved = { 0 }, words = { 0 };
	int r = find_moved(origin, &moved);

	if (!r && moved.nr)
		r = preprocessing(wrapper, command, &words);
	if (!r && moved.nr)
		r = preprocess(wrapper, words.items, &moved, files);
	strings_release(&moved);
	strings_release(&words);
	return r;
}
