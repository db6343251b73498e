/*
 * hotfix-build: replacement functions to a patch file.
 *
 * The only file that prints. Results go to standard output (one JSON object
 * with --json, errors too), everything else to standard error.
 */
#include <errno.h>
#include <getopt.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "../lib/build_id.h"
#include "build.h"
#include "command.h"

static const char usage_text[] =
	"usage: hotfix-build --target BIN -o OUT.hotfix.so [options] fix.c...\n"
	"                    [-- compiler flags]\n";

static const char help_text[] =
	"Compiles replacement functions into a patch for a running program.\n"
	"\n"
	"  --target BIN           the executable or library to be patched\n"
	"  -o, --output OUT       the patch file, NAME.hotfix.so\n"
	"  --replace OLD[=NEW]    function OLD (or FILE:OLD) is replaced by NEW;\n"
	"                         for sources without HOTFIX_REPLACE lines\n"
	"  --debuginfo FILE       debug information of BIN, where it has none\n"
	"  --compile-commands F   compile_commands.json of BIN's build\n"
	"  --sysroot DIR          where BIN's libraries and debug files are\n"
	"  --allow-inlined        accept that copies keep the old code\n"
	"  --name NAME            name of the patch [that of OUT]\n"
	"  --reason TEXT          why, for whoever finds it in a process\n"
	"  --ticket ID            where to read more\n"
	"  --author WHO           who answers for it\n"
	"  --keep-temps           keep and name the intermediate files\n"
	"  --json                 report as one JSON object\n"
	"  --help, --version\n"
	"\n"
	"The compiler is $CC, else the one that BIN was compiled with.\n"
	"Exit status: 0 done, 1 failed, 2 usage, 3 refused as unsafe.\n";

enum option_value {
	OPTION_TARGET = 256,
	OPTION_DEBUGINFO,
	OPTION_NAME,
	OPTION_REASON,
	OPTION_TICKET,
	OPTION_AUTHOR,
	OPTION_REPLACE,
	OPTION_ALLOW_INLINED,
	OPTION_COMPILE_COMMANDS,
	OPTION_SYSROOT,
	OPTION_KEEP_TEMPS,
	OPTION_JSON,
	OPTION_HELP,
	OPTION_VERSION,
};

static const struct option long_options[] = {
	{ "target", required_argument, NULL, OPTION_TARGET },
	{ "debuginfo", required_argument, NULL, OPTION_DEBUGINFO },
	{ "name", required_argument, NULL, OPTION_NAME },
	{ "reason", required_argument, NULL, OPTION_REASON },
	{ "ticket", required_argument, NULL, OPTION_TICKET },
	{ "author", required_argument, NULL, OPTION_AUTHOR },
	{ "replace", required_argument, NULL, OPTION_REPLACE },
	{ "allow-inlined", no_argument, NULL, OPTION_ALLOW_INLINED },
	{ "compile-commands", required_argument, NULL,
	  OPTION_COMPILE_COMMANDS },
	{ "sysroot", required_argument, NULL, OPTION_SYSROOT },
	{ "keep-temps", no_argument, NULL, OPTION_KEEP_TEMPS },
	{ "json", no_argument, NULL, OPTION_JSON },
	{ "output", required_argument, NULL, 'o' },
	{ "help", no_argument, NULL, OPTION_HELP },
	{ "version", no_argument, NULL, OPTION_VERSION },
	{ 0 },
};

/* ---- the command line --------------------------------------------------- */

/* OLD, OLD=NEW, FILE:OLD=NEW; the words are cut out of @text. */
static int add_replace(struct options *options, char *text)
{
	struct replace_option *replace =
		array_append(options->replaces, options->nr_replaces);
	char *equals = strchr(text, '='), *colon;

	if (!replace)
		return -ENOMEM;
	replace->old = text;
	if (equals)
		*equals = '\0';
	colon = strrchr(text, ':');
	if (colon) {
		*colon = '\0';
		replace->source = text;
		replace->old = colon + 1;
	}
	replace->new = equals ? equals + 1 : replace->old;
	return *replace->old && *replace->new ? 0 : -EINVAL;
}

static int set_option(struct options *options, int value, char *argument)
{
	switch (value) {
	case OPTION_TARGET:
		options->target = argument;
		return 0;
	case OPTION_DEBUGINFO:
		options->debuginfo = argument;
		return 0;
	case OPTION_NAME:
		options->name = argument;
		return 0;
	case OPTION_REASON:
		options->reason = argument;
		return 0;
	case OPTION_TICKET:
		options->ticket = argument;
		return 0;
	case OPTION_AUTHOR:
		options->author = argument;
		return 0;
	case OPTION_REPLACE:
		return add_replace(options, argument);
	case OPTION_ALLOW_INLINED:
		options->allow_inlined = true;
		return 0;
	case OPTION_COMPILE_COMMANDS:
		options->compile_commands = argument;
		return 0;
	case OPTION_SYSROOT:
		options->sysroot = argument;
		return 0;
	case OPTION_KEEP_TEMPS:
		options->keep_temps = true;
		return 0;
	case OPTION_JSON:
		options->json = true;
		return 0;
	case 'o':
		options->output = argument;
		return 0;
	default:
		return -EINVAL;
	}
}

static int usage(const char *problem)
{
	if (problem)
		fprintf(stderr, "hotfix-build: error: %s\n", problem);
	fputs(usage_text, stderr);
	fputs("try `hotfix-build --help`\n", stderr);
	return -EINVAL;
}

/* What stands behind "--" is the compiler's. */
static int split_arguments(int argc, char **argv, struct options *options,
			   int *ret_argc)
{
	int end = 1;

	while (end < argc && strcmp(argv[end], "--"))
		end++;
	for (int i = end + 1; i < argc; i++)
		if (strings_add(&options->extra_flags, argv[i]))
			return -ENOMEM;
	*ret_argc = end;
	return 0;
}

static int check_options(const struct options *options)
{
	if (!options->target)
		return usage("--target is missing");
	if (!options->output)
		return usage("-o is missing");
	if (!options->sources.nr)
		return usage("no source file is given");
	return 0;
}

/* Return: 0; 1 when all was said; -EINVAL. */
static int parse_options(int argc, char **argv, struct options *options)
{
	int value, r;

	if (split_arguments(argc, argv, options, &argc))
		return -ENOMEM;
	while ((value = getopt_long(argc, argv, "o:", long_options, NULL)) !=
	       -1) {
		if (value == OPTION_HELP) {
			printf("%s\n%s", usage_text, help_text);
			return 1;
		}
		if (value == OPTION_VERSION) {
			puts("hotfix-build " HOTFIX_VERSION);
			return 1;
		}
		if (value == '?')
			return usage(NULL);
		r = set_option(options, value, optarg);
		if (r)
			return usage("--replace wants OLD, OLD=NEW or "
				     "FILE:OLD=NEW");
	}
	for (int i = optind; i < argc; i++)
		if (strings_add(&options->sources, argv[i]))
			return -ENOMEM;
	return check_options(options);
}

/* ---- reports ------------------------------------------------------------ */

/* Continuation lines are indented as far as the label. */
static void print_labelled(const char *label, const char *text)
{
	fputs(label, stderr);
	for (; *text; text++) {
		fputc(*text, stderr);
		if (*text == '\n' && text[1])
			fputs("  ", stderr);
	}
	fputc('\n', stderr);
}

static void print_hints(const char *hints)
{
	while (*hints) {
		size_t size = strcspn(hints, "\n");

		fprintf(stderr, "  hint: %.*s\n", (int)size, hints);
		hints += size + (hints[size] == '\n');
	}
}

static void print_error(const struct hf_diag *diag)
{
	print_labelled("hotfix-build: error: ", diag->message);
	print_hints(diag->hint);
}

static void print_warnings(const struct build *build)
{
	for (size_t i = 0; build && i < build->warnings.nr; i++)
		print_labelled("hotfix-build: warning: ",
			       build->warnings.items[i]);
}

static void print_function(const struct manifest_function *function,
			   const char *saved)
{
	printf("  %s()", function->name);
	if (strcmp(function->name, function->replacement))
		printf(" by %s()", function->replacement);
	if (function->source)
		printf(", %s", function->source);
	printf("\n    %lu -> %lu bytes, redirected by %s over %u bytes%s\n",
	       function->size, function->replacement_size,
	       site_strategy_name(function->plan.strategy),
	       function->plan.size,
	       function->calls_original ? ", calls the original" : "");
	if (saved)
		printf("    saves %s for callers that rely on them "
		       "(gcc -fipa-ra)\n",
		       saved);
}

static size_t nr_in_module(const struct manifest *manifest)
{
	size_t nr = 0;

	for (size_t i = 0; i < manifest->nr_imports; i++)
		nr += manifest->imports[i].in_module;
	return nr;
}

static void print_success(const struct build *build)
{
	const struct manifest *manifest = build->manifest;
	const char *output = build->options->output;
	char id[HEX_SIZE(BUILD_ID_SIZE_MAX)];
	size_t own = nr_in_module(manifest);
	struct stat status = { 0 };

	stat(output, &status);
	printf("%s: patch \"%s\" for %s %s\n", output, manifest->name,
	       manifest->target.kind == TARGET_LIBRARY ? "library" :
							 "executable",
	       manifest->target.name);
	printf("  build-id %s\n",
	       build_id_format(&manifest->target.build_id, id));
	for (size_t i = 0; i < manifest->nr_functions; i++)
		print_function(&manifest->functions[i],
			       build->replacements[i].saved);
	printf("  imports: %zu of %s, %zu of its libraries; %ld bytes\n", own,
	       manifest->target.name, manifest->nr_imports - own,
	       (long)status.st_size);
	printf("  compiled by %s\n", manifest->compiler ?: "?");
	printf("next:\n  hotfix check %s -p PID\n  hotfix apply %s --all\n",
	       output, output);
}

static json_t *strings_json(char *const *items, size_t nr)
{
	json_t *array = json_array();

	for (size_t i = 0; i < nr; i++)
		json_array_append_new(array, json_string(items[i]));
	return array;
}

static json_t *function_json(const struct manifest_function *function)
{
	return json_pack("{s:s, s:s*, s:I, s:I, s:s, s:I, s:s, s:i, s:b}",
			 "name", function->name, "source", function->source,
			 "vaddr", (json_int_t)function->vaddr, "size",
			 (json_int_t)function->size, "replacement",
			 function->replacement, "replacement_size",
			 (json_int_t)function->replacement_size, "strategy",
			 site_strategy_name(function->plan.strategy),
			 "overwritten", (int)function->plan.size,
			 "calls_original", (int)function->calls_original);
}

static json_t *patch_json(const struct build *build)
{
	const struct manifest *manifest = build->manifest;
	char id[HEX_SIZE(BUILD_ID_SIZE_MAX)];
	json_t *functions = json_array();

	for (size_t i = 0; i < manifest->nr_functions; i++)
		json_array_append_new(functions,
				      function_json(&manifest->functions[i]));
	return json_pack("{s:s, s:s, s:{s:s, s:s, s:s}, s:o, s:I, s:o, s:s*}",
			 "output", build->options->output, "patch",
			 manifest->name, "target", "name",
			 manifest->target.name, "kind",
			 manifest->target.kind == TARGET_LIBRARY ?
				 "library" :
				 "executable",
			 "build_id",
			 build_id_format(&manifest->target.build_id, id),
			 "functions", functions, "imports",
			 (json_int_t)manifest->nr_imports, "proof",
			 strings_json(manifest->proof, manifest->nr_proof),
			 "flags", manifest->flags);
}

static void print_json(const struct build *build, int error,
		       const struct hf_diag *diag)
{
	json_t *result = error ? json_object() : patch_json(build);

	json_object_set_new(result, "command", json_string("build"));
	json_object_set_new(result, "exit",
			    json_integer(diag_exit_status(error)));
	if (build)
		json_object_set_new(result, "warnings",
				    strings_json(build->warnings.items,
						 build->warnings.nr));
	if (error)
		json_object_set_new(
			result, "error",
			json_pack("{s:s, s:s, s:s}", "code", diag->code,
				  "message", diag->message, "hint",
				  diag->hint));
	json_dumpf(result, stdout, JSON_COMPACT);
	putchar('\n');
	json_decref(result);
}

static void report(const struct build *build, int error,
		   const struct hf_diag *diag)
{
	print_warnings(build);
	if (error)
		print_error(diag);
	if (build && build->directory && build->options->keep_temps)
		fprintf(stderr, "hotfix-build: intermediate files are in %s\n",
			build->directory);
	if (build ? build->options->json : false)
		print_json(build, error, diag);
	else if (!error)
		print_success(build);
}

int main(int argc, char **argv)
{
	owned(build_free_p) struct build *build = NULL;
	struct options options = { 0 };
	struct hf_diag diag = { 0 };
	int r = parse_options(argc, argv, &options);

	if (!r) {
		command_stop_on_signals();
		r = build_run(&options, &build, &diag);
		report(build, r, &diag);
		r = (int)diag_exit_status(r);
	} else {
		r = r > 0 ? HF_EXIT_DONE : HF_EXIT_USAGE;
	}
	strings_release(&options.sources);
	strings_release(&options.extra_flags);
	free(options.replaces);
	return r;
}
