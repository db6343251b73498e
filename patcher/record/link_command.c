/*
 * Linkers accept long options with one dash or two, so both are compared
 * without their dashes.
 */
#include "link_command.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "../../lib/cleanup.h"
#include "compile_command.h"
#include "response_file.h"

/* Short and long options whose argument is the next word. */
static const char *const separate[] = {
	"-A", "-F", "-G", "-I", "-L", "-O", "-P", "-R", "-T", "-Tbss", "-Tdata",
	"-Ttext", "-Y", "-a", "-b", "-c", "-e", "-f", "-h", "-l", "-m", "-u",
	"-y", "-z", NULL,
};

static const char *const separate_long[] = {
	"Map", "architecture", "assert", "audit", "auxiliary", "default-script",
	"defsym", "depaudit", "dependency-file", "dynamic-linker",
	"dynamic-list", "entry", "export-dynamic-symbol", "filter", "fini",
	"format", "init", "just-symbols", "library", "library-path", "mri-script",
	"oformat", "orphan-handling", "plugin", "plugin-opt", "require-defined",
	"retain-symbols-file", "rpath", "rpath-link", "script", "section-start",
	"soname", "sysroot", "trace-symbol", "undefined", "unique",
	"version-script", "wrap", NULL,
};

static const char *const queries[] = {
	"help", "print-sysroot", "target-help", "version", NULL,
};

static const char *const talk[] = {
	"-M", "-t", "print-map", "trace", "verbose", "dll-verbose", NULL,
};

/* "-x" of "-x", "xyz" of "-xyz" and "--xyz". */
static const char *bare(const char *word)
{
	if (word[0] == '-' && word[1] == '-')
		return word + 2;
	return word[0] == '-' && word[1] && word[2] ? word + 1 : word;
}

static bool is_in(const char *const *list, const char *word)
{
	while (*list && strcmp(*list, word) && strcmp(*list, bare(word)))
		list++;
	return *list;
}

static bool is_partial(const char *word)
{
	return !strcmp(word, "-r") || !strcmp(word, "-i") ||
	       !strcmp(word, "-Ur") || !strcmp(bare(word), "relocatable");
}

/* "-o", "-ofile", "--output=file"; not "-oformat". */
static const char *output_of(char *word, char *next, bool *taken)
{
	const char *name = bare(word);

	if (!strcmp(word, "-o") || !strcmp(word, "--output")) {
		*taken = next != NULL;
		return next;
	}
	if (!strncmp(word, "--output=", 9))
		return word + 9;
	if (!strncmp(word, "-o", 2) && strncmp(name, "oformat", 7) &&
	    strncmp(name, "orphan", 6) && strncmp(name, "omagic", 6))
		return word + 2;
	return NULL;
}

static size_t read_option(struct link_command *command, char *word, char *next,
			  bool *query)
{
	bool taken = false;
	const char *output = output_of(word, next, &taken);

	if (output)
		command->output = output;
	else if (is_partial(word))
		command->relocatable = true;
	else if (is_in(queries, word))
		*query = true;
	else if (is_in(talk, word))
		command->talkative = true;
	else if (is_in(separate, word) || is_in(separate_long, word))
		taken = next != NULL;
	return taken ? 2 : 1;
}

static int read_words(struct link_command *command, bool *query)
{
	char **words = command->arguments.items;
	int r = 0;

	for (size_t i = 0; i < command->arguments.nr && !r;) {
		if (words[i][0] == '-' && words[i][1])
			i += read_option(command, words[i], words[i + 1],
					 query);
		else
			r = strings_add(&command->files, words[i++]);
	}
	return r;
}

int link_command_parse(char *const *arguments, struct link_command *ret_command)
{
	struct link_command command = { .output = "a.out" };
	bool query = false;
	int r = response_expand(arguments, &command.arguments);

	if (!r)
		r = read_words(&command, &query);
	if (r < 0) {
		link_command_release(&command);
		return r;
	}
	command.links = command.files.nr && !query &&
			!command_file_is_probe(command.output);
	*ret_command = command;
	return 0;
}

void link_command_release(struct link_command *command)
{
	strings_release(&command->arguments);
	strings_release(&command->files);
	*command = (struct link_command){ 0 };
}

/* --- the trace ------------------------------------------------------------- */

/* Return: 1; 0 when there is no such file; -ENOMEM. */
static int take(const char *file, size_t file_size, const char *member,
		size_t member_size, char **ret_file, char **ret_member)
{
	owned(free_p) char *first = strndup(file, file_size);
	owned(free_p) char *second = NULL;

	if (member)
		second = strndup(member, member_size);
	if (!first || (member && !second))
		return -ENOMEM;
	if (access(first, F_OK) < 0)
		return 0;
	*ret_file = take_ptr(first);
	*ret_member = take_ptr(second);
	return 1;
}

/* (archive)member: the parenthesis that closes the archive's name, which may
   hold others. */
static int take_gnu(const char *line, char **ret_file, char **ret_member)
{
	int r = 0;

	for (const char *end = line; !r && (end = strchr(end, ')')); end++)
		if (end[1])
			r = take(line + 1, (size_t)(end - line - 1), end + 1,
				 strlen(end + 1), ret_file, ret_member);
	return r;
}

/* archive(member) */
static int take_gold(const char *line, size_t size, char **ret_file,
		     char **ret_member)
{
	int r = 0;

	for (const char *open = line; !r && (open = strchr(open, '(')); open++)
		if (open > line)
			r = take(line, (size_t)(open - line), open + 1,
				 size - (size_t)(open - line) - 2, ret_file,
				 ret_member);
	return r;
}

int link_trace_line(const char *line, char **ret_file, char **ret_member)
{
	size_t size;
	int r;

	if (!strncmp(line, "trace: ", 7))
		line += 7;
	size = strlen(line);
	if (!size)
		return 0;
	r = take(line, size, NULL, 0, ret_file, ret_member);
	if (!r && line[0] == '(')
		r = take_gnu(line, ret_file, ret_member);
	if (!r && line[size - 1] == ')')
		r = take_gold(line, size, ret_file, ret_member);
	return r;
}
