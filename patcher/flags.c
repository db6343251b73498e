#include "flags.h"

#include <ctype.h>
#include <errno.h>
#include <jansson.h>
#include <string.h>

#include "../lib/cleanup.h"
#include "symbols.h"

static bool starts_with(const char *text, const char *prefix)
{
	return !strncmp(text, prefix, strlen(prefix));
}

bool flag_is_kept(const char *flag)
{
	static const char *const dropped[] = {
		"-fPI", "-fpi", "-fno-PI", "-fno-pi", "-flto", "-ffat-lto",
		"-fno-fat-lto", "-fltrans", "-fwpa", "-fprofile", "-fbranch-",
		"-fauto-profile", "-ftest-coverage", "-fcoverage", "-fsanitize",
		"-fno-sanitize", "-fpatchable-function-entry", "-finstrument",
		"-fxray", "-fsplit-stack", "-fplugin", "-frandom-seed",
		"-fpreprocessed", "-fdirectives-only", "-fsyntax-only",
		"-fvisibility", "-ftls-model", "-fcommon", "-fno-common",
		"-fdump", "-fdiagnostics", "-fresolution", "-fuse-ld",
		"-fuse-linker", "-fdebug-prefix-map", "-ffile-prefix-map",
		"-fcf-protection=none", "-mcmodel", "-mfentry",
		"-mrecord-mcount", "-mnop-mcount", "-mtls-dialect",
		"-mrelocation-model", "-mpie", "-fembed", "-fstack-usage",
		"-fcallgraph", "-fmodule",
	};
	static const char *const kept[] = { "-O", "-f", "-m", "-std=", "-ansi",
					    "--param=", "-D", "-U", "-I",
					    "-isystem", "-iquote", "-idirafter",
					    "-include", "-pthread",
					    "-fcf-protection=none" };

	if (!strcmp(flag, "-fcf-protection=none"))
		return true;
	for (size_t i = 0; i < ARRAY_SIZE(dropped); i++)
		if (starts_with(flag, dropped[i]))
			return false;
	for (size_t i = 0; i < ARRAY_SIZE(kept); i++)
		if (starts_with(flag, kept[i]))
			return true;
	return false;
}

/* Flags that are followed by their value as a word of its own. */
static bool takes_word(const char *flag)
{
	static const char *const flags[] = { "-I", "-D", "-U", "-isystem",
					     "-iquote", "-idirafter",
					     "-include", "--param" };

	for (size_t i = 0; i < ARRAY_SIZE(flags); i++)
		if (!strcmp(flag, flags[i]))
			return true;
	return false;
}

/* Options that would be mistaken for their value's own. */
static bool skips_word(const char *flag)
{
	static const char *const flags[] = { "-o", "-MF", "-MT", "-MQ", "-x",
					     "-arch", "-Xlinker" };

	for (size_t i = 0; i < ARRAY_SIZE(flags); i++)
		if (!strcmp(flag, flags[i]))
			return true;
	return false;
}

static int keep_flags(const struct strings *words, struct strings *kept)
{
	int r = 0;

	for (size_t i = 0; i < words->nr && !r; i++) {
		const char *word = words->items[i];
		const char *value =
			i + 1 < words->nr ? words->items[i + 1] : NULL;

		if (skips_word(word)) {
			i++;
		} else if (!strcmp(word, "-I") && value) {
			r = strings_addf(kept, "-I%s", value);
			i++;
		} else if (takes_word(word) && value) {
			r = strings_add(kept, word) ?: strings_add(kept, value);
			i++;
		} else if (flag_is_kept(word)) {
			r = strings_add(kept, word);
		}
	}
	return r;
}

/* "GNU C99 12.2.0 ..." was compiled with -std=gnu99 unless it says -std=c99. */
static int keep_standard(const char *language, struct strings *kept)
{
	if (!isdigit((unsigned char)*language))
		return 0;
	for (size_t i = 0; i < kept->nr; i++)
		if (starts_with(kept->items[i], "-std="))
			return 0;
	return strings_addf(kept, "-std=gnu%.2s", language);
}

/* The first word that looks like a version, "12.2.0". */
static char *find_version(const char *text)
{
	for (; *text; text++)
		if (isdigit((unsigned char)*text)) {
			size_t size = strspn(text, "0123456789.");

			if (memchr(text, '.', size))
				return strndup(text, size);
			text += size - 1;
		}
	return strdup("");
}

int flags_from_producer(const char *producer, struct flags *ret_flags)
{
	struct flags flags = { 0 };
	struct strings words = { 0 };
	int r;

	flags.producer = strdup(producer);
	flags.version = find_version(producer);
	if (starts_with(producer, "GNU "))
		flags.compiler = strdup("gcc");
	else if (strstr(producer, "clang"))
		flags.compiler = strdup("clang");
	r = flags.producer && flags.version ? 0 : -ENOMEM;
	if (!r)
		r = strings_add_words(&words, producer);
	if (!r)
		r = keep_flags(&words, &flags.arguments);
	if (!r && starts_with(producer, "GNU C"))
		r = keep_standard(producer + strlen("GNU C"), &flags.arguments);
	strings_release(&words);
	if (r)
		flags_release(&flags);
	else
		*ret_flags = flags;
	return r;
}

/*
 * Words of a command line as a POSIX shell would see them: quotes and
 * backslashes, nothing else is special.
 */
static int split_command(const char *command, struct strings *words)
{
	owned(free_p) char *word = malloc(strlen(command) + 1);
	int r = word ? 0 : -ENOMEM;

	while (!r && *(command += strspn(command, " \t\n"))) {
		char quote = 0, *end = word;

		for (; *command && (quote || !strchr(" \t\n", *command));
		     command++) {
			if (quote ? *command == quote :
				    *command == '\'' || *command == '"')
				quote = quote ? 0 : *command;
			else if (*command == '\\' && quote != '\'' &&
				 command[1])
				*end++ = *++command;
			else
				*end++ = *command;
		}
		*end = '\0';
		r = strings_add(words, word);
	}
	return r;
}

static int entry_words(const json_t *entry, struct strings *words)
{
	const char *command =
		json_string_value(json_object_get(entry, "command"));
	json_t *arguments = json_object_get(entry, "arguments"), *word;
	size_t i;

	if (command)
		return split_command(command, words);
	json_array_foreach(arguments, i, word)
		if (strings_add(words, json_string_value(word) ?: ""))
			return -ENOMEM;
	return 0;
}

static void decref_p(json_t **json)
{
	json_decref(*json);
}

static const json_t *find_entry(const json_t *commands, const char *source)
{
	size_t i;
	json_t *entry;

	json_array_foreach(commands, i, entry) {
		const char *file =
			json_string_value(json_object_get(entry, "file"));

		if (file && (source_matches(source, file) ||
			     source_matches(file, source)))
			return entry;
	}
	return NULL;
}

/* Relative -I of a recorded command count from its directory. */
static int absolute_includes(struct strings *flags, const char *directory)
{
	for (size_t i = 0; i < flags->nr; i++) {
		char *flag = flags->items[i], *absolute;

		if (!starts_with(flag, "-I") || !flag[2] || flag[2] == '/')
			continue;
		absolute = text_format("-I%s/%s", directory, flag + 2);
		if (!absolute)
			return -ENOMEM;
		free(flag);
		flags->items[i] = absolute;
	}
	return 0;
}

int flags_from_commands(const char *path, const char *source,
			struct flags *ret_flags, struct hf_diag *diag)
{
	json_error_t error;
	owned(decref_p) json_t *commands = json_load_file(path, 0, &error);
	struct flags flags = { 0 };
	struct strings words = { 0 };
	const json_t *entry;
	const char *directory;
	int r;

	if (!commands)
		return hf_error(diag, -EBADMSG, "commands-malformed",
				"%s: line %d: %s", path, error.line,
				error.text);
	entry = find_entry(commands, source);
	if (!entry)
		return -ENOENT;
	directory = json_string_value(json_object_get(entry, "directory"));
	r = entry_words(entry, &words);
	if (!r)
		r = keep_flags(&words, &flags.arguments);
	if (!r && words.nr && !(flags.compiler = strdup(words.items[0])))
		r = -ENOMEM;
	if (!r && directory) {
		flags.directory = strdup(directory);
		r = absolute_includes(&flags.arguments, directory);
	}
	strings_release(&words);
	if (r) {
		flags_release(&flags);
		return hf_fail(diag, r, "cannot read %s", path);
	}
	*ret_flags = flags;
	return 0;
}

void flags_release(struct flags *flags)
{
	strings_release(&flags->arguments);
	strings_release(&flags->headers);
	free(flags->compiler);
	free(flags->producer);
	free(flags->version);
	free(flags->directory);
	*flags = (struct flags){ 0 };
}
