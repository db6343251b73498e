/*
 * One pass over the arguments. What matters is to know which words are the
 * arguments of options (`-MF a.d`), and which options end the driver's work
 * before there is an object.
 *
 * Whatever is not understood is left to the compiler: a call that is not
 * recognised as a compilation or a link runs as it is.
 */
#include "compile_command.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "../../lib/cleanup.h"
#include "program_name.h"
#include "response_file.h"

/* Options whose argument is the next word, always. */
static const char *const separate[] = {
	"-A",		 "-B",		   "-D",
	"-F",		 "-G",		   "-I",
	"-L",		 "-MF",		   "-MJ",
	"-MQ",		 "-MT",		   "-R",
	"-T",		 "-Tbss",	   "-Tdata",
	"-Ttext",	 "-U",		   "-V",
	"-Xanalyzer",	 "-Xassembler",	   "-Xclang",
	"-Xlinker",	 "-Xpreprocessor", "-arch",
	"-aux-info",	 "-b",		   "-dumpbase",
	"-dumpbase-ext", "-dumpdir",	   "-e",
	"-framework",	 "-gcc-toolchain", "-h",
	"-idirafter",	 "-imacros",	   "-imultilib",
	"-include",	 "-include-pch",   "-iprefix",
	"-iquote",	 "-isysroot",	   "-isystem",
	"-iwithprefix",	 "-iwithprefixbefore", "-l",
	"-mllvm",	 "-rpath",	   "-target",
	"-u",		 "-working-directory", "-wrapper",
	"-z",		 "--assert",	   "--define-macro",
	"--for-assembler", "--for-linker", "--imacros",
	"--include",	 "--include-directory", "--library-directory",
	"--param",	 "--prefix",	   "--serialize-diagnostics",
	"--sysroot",	 "--undefine-macro", NULL,
};

/* Options that make the driver do something else than compile to an object. */
static const char *const other_work[] = {
	"-###",	     "--help",	  "--target-help", "--version",	   "-E",
	"-M",	     "-MM",	  "-S",		   "-cc1",	   "-cc1as",
	"-dumpmachine", "-dumpspecs", "-dumpversion", "-dumpfullversion",
	"-emit-ast", "-emit-llvm", "-fsyntax-only", "--analyze", "--assemble",
	"--preprocess", NULL,
};

static const char *const other_work_prefixes[] = {
	"--help=", "-print-", "--print-", NULL,
};

static bool is_listed(const char *const *list, const char *word)
{
	while (*list && strcmp(*list, word))
		list++;
	return *list;
}

static bool begins(const char *text, const char *prefix)
{
	return !strncmp(text, prefix, strlen(prefix));
}

static bool begins_with_any(const char *const *list, const char *word)
{
	while (*list && !begins(word, *list))
		list++;
	return *list;
}

/* --- languages ------------------------------------------------------------ */

static enum language language_of_extension(const char *name)
{
	static const struct {
		const char *extension;
		enum language language;
	} known[] = {
		{ "c", LANGUAGE_C },	  { "i", LANGUAGE_C },
		{ "cc", LANGUAGE_C },	  { "cp", LANGUAGE_C },
		{ "cxx", LANGUAGE_C },	  { "cpp", LANGUAGE_C },
		{ "CPP", LANGUAGE_C },	  { "c++", LANGUAGE_C },
		{ "C", LANGUAGE_C },	  { "ii", LANGUAGE_C },
		{ "m", LANGUAGE_C },	  { "mi", LANGUAGE_C },
		{ "mm", LANGUAGE_C },	  { "M", LANGUAGE_C },
		{ "mii", LANGUAGE_C },	  { "h", LANGUAGE_HEADER },
		{ "hh", LANGUAGE_HEADER },  { "H", LANGUAGE_HEADER },
		{ "hp", LANGUAGE_HEADER },  { "hxx", LANGUAGE_HEADER },
		{ "hpp", LANGUAGE_HEADER }, { "h++", LANGUAGE_HEADER },
		{ "s", LANGUAGE_ASSEMBLER },
		{ "S", LANGUAGE_ASSEMBLER_CPP },
		{ "sx", LANGUAGE_ASSEMBLER_CPP },
	};
	const char *dot = strrchr(program_base(name), '.');

	for (size_t i = 0; dot && i < sizeof(known) / sizeof(*known); i++)
		if (!strcmp(dot + 1, known[i].extension))
			return known[i].language;
	return LANGUAGE_OBJECT;
}

/* The argument of -x. */
static enum language language_of_name(const char *name)
{
	size_t size = strlen(name);

	if (!strcmp(name, "assembler"))
		return LANGUAGE_ASSEMBLER;
	if (!strcmp(name, "assembler-with-cpp"))
		return LANGUAGE_ASSEMBLER_CPP;
	if (size > 7 && !strcmp(name + size - 7, "-header"))
		return LANGUAGE_HEADER;
	return LANGUAGE_C;
}

bool command_input_is_source(const struct command_input *input)
{
	return input->language != LANGUAGE_OBJECT &&
	       input->language != LANGUAGE_HEADER;
}

/* --- reading -------------------------------------------------------------- */

struct reader {
	struct compile_command *command;
	const char *language; /* of -x; NULL: by extension */
	bool only_compile, other, only_inputs;
};

static int read_input(struct reader *reader, char *name)
{
	struct compile_command *command = reader->command;
	struct command_input *input =
		array_append(command->inputs, command->nr_inputs);

	if (!input)
		return -ENOMEM;
	input->name = name;
	input->language = reader->language ? language_of_name(reader->language) :
					     language_of_extension(name);
	/* From standard input, to nowhere: a probe. */
	if (!strcmp(name, "-") || begins(name, "/dev/"))
		reader->other = true;
	return 0;
}

/*
 * An option whose argument may be joined to it or be the next word. NULL when
 * @word is not that option; *@taken says whether the next word was its own.
 */
static char *option_argument(char *word, char *next, const char *option,
			     bool *taken)
{
	if (!begins(word, option))
		return NULL;
	word += strlen(option);
	if (*word)
		return word + (*word == '=' && option[1] == '-');
	*taken = next != NULL;
	return next;
}

static void read_language(struct reader *reader, const char *name)
{
	reader->language = strcmp(name, "none") ? name : NULL;
}

static void read_debug(struct compile_command *command, const char *word)
{
	if (!strcmp(word, "-gsplit-dwarf") || begins(word, "-gsplit-dwarf="))
		command->split_dwarf = true;
	else if (!strcmp(word, "-gno-split-dwarf"))
		command->split_dwarf = false;
}

/* Return: how many words were used, at least 1. */
static size_t read_option(struct reader *reader, char *word, char *next)
{
	bool taken = false;
	char *argument;

	if (!strcmp(word, "-c") || !strcmp(word, "--compile"))
		reader->only_compile = true;
	else if (is_listed(other_work, word) ||
		 begins_with_any(other_work_prefixes, word))
		reader->other = true;
	else if (is_listed(separate, word))
		taken = next != NULL;
	else if ((argument = option_argument(word, next, "-x", &taken)) ||
		 (argument = option_argument(word, next, "--language", &taken)))
		read_language(reader, argument);
	else if ((argument = option_argument(word, next, "--output", &taken)) ||
		 /* clang: -object-file-name= is no -o */
		 (!begins(word, "-object") &&
		  (argument = option_argument(word, next, "-o", &taken))))
		reader->command->output = argument;
	else
		read_debug(reader->command, word);
	return taken ? 2 : 1;
}

static int read_words(struct reader *reader)
{
	char **words = reader->command->arguments.items;
	size_t nr = reader->command->arguments.nr;
	int r = 0;

	for (size_t i = 0; i < nr && !r;) {
		if (!reader->only_inputs && !strcmp(words[i], "--")) {
			reader->only_inputs = true;
			i++;
		} else if (reader->only_inputs || words[i][0] != '-' ||
			   !words[i][1]) {
			r = read_input(reader, words[i++]);
		} else {
			i += read_option(reader, words[i], words[i + 1]);
		}
	}
	return r;
}

bool command_file_is_probe(const char *path)
{
	const char *name = program_base(path);

	return begins(name, "conftest.") || !strcmp(name, "conftest") ||
	       begins(name, "cmTC_") || strstr(path, "/CMakeScratch/") ||
	       strstr(path, "/CMakeTmp/") || strstr(path, "meson-private/") ||
	       (begins(name, "CMakeC") && strstr(name, "CompilerId")) ||
	       begins(path, "/dev/");
}

static bool is_probe(const struct compile_command *command)
{
	if (command->output && command_file_is_probe(command->output))
		return true;
	for (size_t i = 0; i < command->nr_inputs; i++)
		if (command_file_is_probe(command->inputs[i].name))
			return true;
	return false;
}

static enum command_mode find_mode(const struct reader *reader)
{
	const struct compile_command *command = reader->command;
	bool has_header = false, has_source = false;

	for (size_t i = 0; i < command->nr_inputs; i++) {
		has_header |= command->inputs[i].language == LANGUAGE_HEADER;
		has_source |= command_input_is_source(&command->inputs[i]);
	}
	if (reader->other || !command->nr_inputs || is_probe(command))
		return COMMAND_AS_IS;
	/* A precompiled header must have the flags of its users. */
	if (has_header)
		return COMMAND_COMPILE;
	if (reader->only_compile)
		return has_source ? COMMAND_COMPILE : COMMAND_AS_IS;
	return COMMAND_LINK;
}

int compile_command_parse(char *const *arguments,
			  struct compile_command *ret_command)
{
	struct compile_command command = { 0 };
	struct reader reader = { .command = &command };
	int r = response_expand(arguments, &command.arguments);

	if (!r)
		r = read_words(&reader);
	if (r < 0) {
		compile_command_release(&command);
		return r;
	}
	command.mode = find_mode(&reader);
	*ret_command = command;
	return 0;
}

void compile_command_release(struct compile_command *command)
{
	strings_release(&command->arguments);
	free(command->inputs);
	*command = (struct compile_command){ 0 };
}

/* --- what follows from it -------------------------------------------------- */

char *compile_command_output(const struct compile_command *command,
			     const struct command_input *source)
{
	const char *name = program_base(source->name);
	const char *dot = strrchr(name, '.');
	size_t size = dot ? (size_t)(dot - name) : strlen(name);

	if (command->output)
		return strdup(command->output);
	return text_format("%.*s.o", (int)size, name);
}

static bool has_language(const struct compile_command *command,
			 enum language language)
{
	for (size_t i = 0; i < command->nr_inputs; i++)
		if (command->inputs[i].language == language)
			return true;
	return false;
}

/* A build that gives them itself knows why. */
static bool gives_date(const struct compile_command *command)
{
	for (size_t i = 0; i < command->arguments.nr; i++)
		if (strstr(command->arguments.items[i], "__DATE__") ||
		    strstr(command->arguments.items[i], "__TIME__"))
			return true;
	return false;
}

/* -D__DATE__="Jan  1 1970" -D__TIME__="00:00:00" */
static int add_date(const struct compile_command *command, const char *epoch,
		    struct strings *list)
{
	const time_t seconds = (time_t)strtoll(epoch, NULL, 10);
	char date[64], time[32];
	struct tm tm;

	if (gives_date(command) || !gmtime_r(&seconds, &tm) ||
	    !strftime(date, sizeof(date), "-D__DATE__=\"%b %e %Y\"", &tm) ||
	    !strftime(time, sizeof(time), "-D__TIME__=\"%T\"", &tm))
		return 0;
	return strings_add(list, "-Wno-builtin-macro-redefined") ?:
	       strings_add(list, date) ?: strings_add(list, time);
}

static int add_flags(const struct compile_command *command,
		     const char *prefix_map, const char *epoch,
		     struct strings *list)
{
	bool c = has_language(command, LANGUAGE_C) ||
		 has_language(command, LANGUAGE_HEADER);
	int r = 0;

	if (c)
		r = strings_add_words(
			list, "-ffunction-sections -fdata-sections -g "
			      "-fno-eliminate-unused-debug-types");
	if (!r && c && command->split_dwarf)
		r = strings_add(list, "-gno-split-dwarf");
	if (!r && c && epoch)
		r = add_date(command, epoch, list);
	if (!r && prefix_map &&
	    (c || has_language(command, LANGUAGE_ASSEMBLER_CPP)))
		r = strings_addf(list, "-ffile-prefix-map=%s", prefix_map);
	return r;
}

int compile_command_amend(const struct compile_command *command,
			  char *const *original, const char *prefix_map,
			  const char *epoch, struct strings *ret_arguments)
{
	struct strings list = { 0 };
	bool added = false;
	int r = 0;

	for (; *original && !r; original++) {
		/* Behind "--" options are file names. */
		if (!added && !strcmp(*original, "--")) {
			added = true;
			r = add_flags(command, prefix_map, epoch, &list);
		}
		if (!r)
			r = strings_add(&list, *original);
	}
	if (!r && !added)
		r = add_flags(command, prefix_map, epoch, &list);
	if (r < 0)
		strings_release(&list);
	else
		*ret_arguments = list;
	return r;
}
