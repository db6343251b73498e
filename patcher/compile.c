#include "compile.h"

#include <ctype.h>
#include <dwarf.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <string.h>

#include "../lib/io.h"
#include "command.h"
#include "include_dirs.h"

#define SOURCE_SIZE_MAX (64u << 20)

/* ---- the flags of the target -------------------------------------------- */

static const char *read_name(const char *at, char *name, size_t size)
{
	size_t nr = 0;

	at += strspn(at, " \t\n");
	while (*at && (isalnum((unsigned char)*at) || strchr("_$.", *at))) {
		if (nr + 1 < size)
			name[nr++] = *at;
		at++;
	}
	name[nr] = '\0';
	return at;
}

int compile_scan_names(const char *text, struct strings *names)
{
	static const char macro[] = "HOTFIX_REPLACE";
	int r = 0;

	while (!r && (text = strstr(text, macro))) {
		char name[256];

		text += sizeof(macro) - 1;
		text += strspn(text, "_ASIN");
		text += strspn(text, " \t\n");
		if (*text++ != '(')
			continue;
		text += strspn(text, " \t\n");
		/* HOTFIX_REPLACE_IN("file.c", old, new) */
		if (*text == '"') {
			text += strcspn(text, ",");
			text += *text == ',';
		}
		text = read_name(text, name, sizeof(name));
		if (*name)
			r = strings_add(names, name);
	}
	return r;
}

/* The compilation unit that defines what is at @vaddr; else the first. */
static bool find_unit(const struct build *build, uint64_t vaddr,
		      Dwarf_Die *ret_unit)
{
	const struct debug_entity *entity =
		debuginfo_entity(build->debuginfo, vaddr);
	Dwarf *dwarf = debuginfo_dwarf(build->debuginfo);
	Dwarf_CU *unit = NULL;
	Dwarf_Die die;

	if (entity && dwarf_offdie(dwarf, entity->die, &die))
		return dwarf_diecu(&die, ret_unit, NULL, NULL);
	while (dwarf && !dwarf_get_units(dwarf, unit, &unit, NULL, NULL,
					 ret_unit, NULL)) {
		Dwarf_Attribute attribute;
		const char *producer = dwarf_formstring(dwarf_attr(
			ret_unit, DW_AT_producer, &attribute));

		if (dwarf_tag(ret_unit) == DW_TAG_compile_unit && producer &&
		    strncmp(producer, "GNU AS", 6))
			return true;
	}
	return false;
}

static int unit_flags(const struct build *build, Dwarf_Die *unit,
		      struct flags *ret_flags, struct hf_diag *diag)
{
	owned(free_p) char *path = debuginfo_unit_path(unit);
	Dwarf_Attribute attribute;
	const char *text;
	int r = -ENOENT;

	if (path && build->options->compile_commands)
		r = flags_from_commands(build->options->compile_commands, path,
					ret_flags, diag);
	if (r != -ENOENT)
		return r;
	text = dwarf_formstring(dwarf_attr(unit, DW_AT_producer, &attribute));
	r = flags_from_producer(text ?: "", ret_flags);
	text = dwarf_formstring(dwarf_attr(unit, DW_AT_comp_dir, &attribute));
	if (!r && text && !(ret_flags->directory = strdup(text)))
		r = -ENOMEM;
	if (!r && text)
		r = include_dirs_of_unit(unit, text, &ret_flags->headers);
	return r ? hf_fail(diag, r, "cannot read compiler flags") : 0;
}

/* Without debug information, a compile_commands.json may still tell. */
static int default_flags(struct build *build, const char *source,
			 struct flags *ret_flags, struct hf_diag *diag)
{
	int r = -ENOENT;

	if (build->options->compile_commands)
		r = flags_from_commands(build->options->compile_commands,
					source, ret_flags, diag);
	if (r != -ENOENT)
		return r;
	if (strings_add(&ret_flags->arguments, "-O2") ||
	    strings_addf(&build->warnings,
			 "%s does not tell what compiler flags it was built "
			 "with; -O2 is used: give its own behind --, or by "
			 "--compile-commands",
			 source[0] ? source : build->target->name))
		return hf_fail(diag, -ENOMEM, "cannot choose flags");
	return 0;
}

/* The flags that the code at @function was compiled with; NULL: any. */
static int flags_for(struct build *build, const struct symbol *function,
		     struct flags *ret_flags, struct hf_diag *diag)
{
	const char *source =
		function ? symbol_source(&build->symbols, function) : NULL;
	Dwarf_Die unit;
	int r;

	if (!find_unit(build, function ? function->vaddr : 0, &unit))
		return default_flags(build, source ?: "", ret_flags, diag);
	r = unit_flags(build, &unit, ret_flags, diag);
	if (!r && !ret_flags->arguments.nr)
		r = default_flags(build, source ?: "", ret_flags, diag);
	return r;
}

/* The first function that the text of @source or --replace names. */
static const struct symbol *guess_function(const struct build *build,
					   const char *source)
{
	const struct symbol *function = NULL;
	struct symbol_matches matches = { 0 };
	struct strings names = { 0 };
	struct buffer text = { 0 };

	for (size_t i = 0; i < build->options->nr_replaces; i++)
		strings_add(&names, build->options->replaces[i].old);
	if (!file_read(AT_FDCWD, source, SOURCE_SIZE_MAX, &text, NULL))
		compile_scan_names((char *)text.data, &names);
	for (size_t i = 0; i < names.nr && !function; i++) {
		if (symbols_find(&build->symbols, names.items[i], NULL,
				 &matches))
			break;
		if (matches.nr == 1)
			function = matches.entries[0];
		symbol_matches_release(&matches);
	}
	buffer_release(&text);
	strings_release(&names);
	return function;
}

/* The function of the target that the records of @object replace first. */
static const struct symbol *recorded_function(const struct build *build,
					      const struct object *object)
{
	const struct symbol *function = NULL;

	for (size_t i = 0; i < object->nr_records && !function; i++) {
		const struct record *record = &object->records[i];
		struct symbol_matches matches = { 0 };

		if (record->kind != HOTFIX_RECORD_REPLACE ||
		    symbols_find(&build->symbols, record->name, record->source,
				 &matches))
			continue;
		if (matches.nr == 1)
			function = matches.entries[0];
		symbol_matches_release(&matches);
	}
	return function;
}

/* ---- the compiler ------------------------------------------------------- */

static int choose_compiler(struct build *build, const struct flags *flags,
			   struct hf_diag *diag)
{
	const char *name = getenv("CC");

	if (!name || !*name)
		name = flags->compiler ?: "cc";
	if (strings_add_words(&build->compiler, name) || !build->compiler.nr)
		return hf_fail(diag, -ENOMEM, "cannot choose a compiler");
	return 0;
}

/* Records the compiler's version line, and warns when it is another one. */
static int note_version(struct build *build, const struct flags *flags,
			struct hf_diag *diag)
{
	struct strings command = { 0 };
	char **line = &build->manifest->compiler;
	int r = strings_add_all(&command, &build->compiler) ?:
			strings_add(&command, "--version");

	if (r)
		hf_fail(diag, r, "cannot run the compiler");
	else
		r = command_first_line(&command, line, diag);
	strings_release(&command);
	if (r || !flags->version || !*flags->version ||
	    strstr(*line, flags->version))
		return r;
	if (strings_addf(&build->warnings,
			 "the target was compiled by another compiler or "
			 "version: \"%s\"; this is \"%s\"",
			 flags->producer, *line))
		return hf_fail(diag, -ENOMEM, "cannot add a warning");
	return 0;
}

/* Where <hotfix/hotfix.h> is: beside an uninstalled program, or installed. */
static char *include_directory(void)
{
	char path[PATH_MAX];
	ssize_t size = readlink("/proc/self/exe", path, sizeof(path) - 1);
	owned(free_p) char *beside = NULL, *header = NULL;

	if (size <= 0)
		return strdup(HOTFIX_INCLUDE_DIR);
	path[size] = '\0';
	beside = text_format("%s/../include", dirname(path));
	header = beside ? text_format("%s/hotfix/hotfix.h", beside) : NULL;
	if (header && !access(header, R_OK))
		return take_ptr(beside);
	return strdup(HOTFIX_INCLUDE_DIR);
}

/* How the target's thread-local variables are reached, see target.h. */
static const char *tls_model(const struct target *target)
{
	if (target->kind == TARGET_EXECUTABLE || target->tls_pointer_slot.vaddr)
		return "-ftls-model=initial-exec";
	return "-ftls-model=global-dynamic";
}

/*
 * What makes a patch of it, stronger than the target's flags. -mstackrealign:
 * callers in the same file may know that the original needs no aligned stack
 * (gcc's -fipa-stack-alignment), and not provide one. -fno-ipa-icf: replacements
 * with equal bodies stay functions of their own. A function without declaration
 * would be called as if it returned int, and half of a pointer be lost: nobody
 * could check that against the target.
 */
static int add_our_flags(const struct build *build, struct strings *command)
{
	static const char *const words[] = {
		"-fPIC",	   "-g",	    "-fvisibility=hidden",
		"-fno-lto",	   "-fno-common",   "-mstackrealign",
		"-Werror=implicit-function-declaration",
	};
	static const char *const gcc_words[] = { "-mtls-dialect=gnu",
						 "-fno-ipa-icf" };
	bool is_clang = strstr(build->compiler.items[0], "clang");
	owned(free_p) char *include = include_directory();
	int r = include ? 0 : -ENOMEM;

	for (size_t i = 0; i < ARRAY_SIZE(words) && !r; i++)
		r = strings_add(command, words[i]);
	for (size_t i = 0; i < ARRAY_SIZE(gcc_words) && !r && !is_clang; i++)
		r = strings_add(command, gcc_words[i]);
	if (!r)
		r = strings_add(command, tls_model(build->target));
	return r ?: strings_addf(command, "-I%s", include);
}

static int add_quote_directory(struct strings *command, const char *directory)
{
	static const char option[] = "-iquote";
	size_t size = sizeof(option) - 1;

	for (size_t i = 0; i < command->nr; i++)
		if (!strncmp(command->items[i], option, size) &&
		    !strcmp(command->items[i] + size, directory))
			return 0;
	return strings_addf(command, "%s%s", option, directory);
}

/* Headers of the target's own tree, if it is on this machine. */
static int add_quote_directories(const struct build *build,
				 const struct flags *flags,
				 const struct symbol *function,
				 struct strings *command)
{
	const char *source =
		function ? symbol_source(&build->symbols, function) : NULL;
	owned(free_p) char *copy = source ? strdup(source) : NULL;
	const char *directory = copy ? dirname(copy) : "";
	const char *top = flags->directory ?: "";
	int r = 0;

	if (*directory == '/' && !access(directory, X_OK))
		r = add_quote_directory(command, directory);
	if (!r && *top && !access(top, X_OK))
		r = add_quote_directory(command, top);
	return r;
}

/*
 * The headers' directories are guesses, so the system's come first for <...>:
 * a project may well have a "time.h" that it does not mean by <time.h>.
 */
static int add_header_directories(const struct flags *flags,
				  struct strings *command)
{
	const struct strings *headers = &flags->headers;
	int r = 0;

	for (size_t i = 0; i < headers->nr && !r; i++)
		r = add_quote_directory(command, headers->items[i]) ?:
			    strings_addf(command, "-idirafter%s",
					 headers->items[i]);
	return r;
}

static int compile_command(const struct build *build, const char *source,
			   const char *output, const struct flags *flags,
			   const struct symbol *function,
			   struct strings *command)
{
	int r = strings_add_all(command, &build->compiler);

	if (!r)
		r = strings_add_all(command, &flags->arguments);
	if (!r)
		r = add_quote_directories(build, flags, function, command);
	if (!r)
		r = add_header_directories(flags, command);
	if (!r)
		r = add_our_flags(build, command);
	if (!r)
		r = strings_add_all(command, &build->options->extra_flags);
	if (!r)
		r = strings_add(command, "-c") ?: strings_add(command, "-o");
	return r ?: strings_add(command, output) ?:
			    strings_add(command, source);
}

/* Those of the first source, as it was compiled last. */
static int remember_flags(struct build *build, const struct strings *command)
{
	struct strings flags = *command;

	/* Without the compiler in front and -c -o OUT IN behind. */
	flags.items += build->compiler.nr;
	flags.nr -= build->compiler.nr + 4;
	free(build->manifest->flags);
	build->manifest->flags = strings_join(&flags);
	return build->manifest->flags ? 0 : -ENOMEM;
}

static int run_compiler(const struct build *build,
			const struct strings *command, struct hf_diag *diag)
{
	int r = command_run(command, diag);

	if (r == -EIO && !build->options->compile_commands)
		hf_hint(diag, "debug information has no macros, and not every "
			      "directory of headers: give -DNAME and -IDIR as in "
			      "the target's build after --, or its "
			      "--compile-commands");
	return r;
}

static int compile_once(struct build *build, size_t index,
			const struct symbol *function, struct hf_diag *diag)
{
	const char *source = build->options->sources.items[index];
	owned(free_p) char *path =
		text_format("%s/%zu.o", build->directory, index);
	struct flags *flags = &build->flags[index];
	struct strings command = { 0 };
	int r;

	if (!path || compile_command(build, source, path, flags, function,
				     &command))
		r = hf_fail(diag, -ENOMEM, "cannot compile %s", source);
	else
		r = run_compiler(build, &command, diag);
	if (!r)
		r = object_open(source, path, &build->objects[index], diag);
	if (!r && !index && remember_flags(build, &command))
		r = hf_fail(diag, -ENOMEM, "cannot compile %s", source);
	strings_release(&command);
	return r;
}

static bool same_strings(const struct strings *a, const struct strings *b)
{
	if (a->nr != b->nr)
		return false;
	for (size_t i = 0; i < a->nr; i++)
		if (strcmp(a->items[i], b->items[i]))
			return false;
	return true;
}

static bool same_flags(const struct flags *a, const struct flags *b)
{
	return same_strings(&a->arguments, &b->arguments) &&
	       same_strings(&a->headers, &b->headers);
}

/* Once more, where the records name another function than was guessed. */
static int compile_again(struct build *build, size_t index,
			 const struct symbol *guessed, struct hf_diag *diag)
{
	const struct symbol *function =
		recorded_function(build, &build->objects[index]);
	struct flags flags = { 0 };
	int r;

	if (!function || function == guessed)
		return 0;
	r = flags_for(build, function, &flags, diag);
	if (r || same_flags(&flags, &build->flags[index])) {
		flags_release(&flags);
		return r;
	}
	flags_release(&build->flags[index]);
	build->flags[index] = flags;
	object_release(&build->objects[index]);
	return compile_once(build, index, function, diag);
}

static int compile_source(struct build *build, size_t index,
			  struct hf_diag *diag)
{
	const char *source = build->options->sources.items[index];
	const struct symbol *guessed = guess_function(build, source);
	struct flags *flags = &build->flags[index];
	int r;

	if (access(source, R_OK) < 0)
		return hf_fail(diag, -errno, "cannot read %s", source);
	r = flags_for(build, guessed, flags, diag);
	if (!r && !build->compiler.nr) {
		r = choose_compiler(build, flags, diag);
		if (!r)
			r = note_version(build, flags, diag);
	}
	if (!r)
		r = compile_once(build, index, guessed, diag);
	return r ?: compile_again(build, index, guessed, diag);
}

int compile_sources(struct build *build, struct hf_diag *diag)
{
	size_t nr = build->options->sources.nr;
	int r = 0;

	build->objects = calloc(nr, sizeof(*build->objects));
	build->flags = calloc(nr, sizeof(*build->flags));
	if (!build->objects || !build->flags)
		return hf_fail(diag, -ENOMEM, "cannot compile");
	build->nr_objects = nr;
	for (size_t i = 0; i < nr && !r; i++)
		r = compile_source(build, i, diag);
	return r;
}
