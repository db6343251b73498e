/*
 * hotfix-build: replacement functions, or a source diff, to a patch file.
 *
 * The command line; report.c says what came of it.
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "build.h"
#include "command.h"
#include "join.h"
#include "report.h"
#include "several.h"

static const char usage_text[] =
	"usage: hotfix-build --target BIN -o OUT.hotfix.so [options] fix.c...\n"
	"                    [-- compiler flags]\n"
	"       hotfix-build --target BIN -o OUT.hotfix.so [options]\n"
	"                    --source DIR --diff fix.patch... -- build command\n"
	"       hotfix-build --join -o OUT.hotfix.so FIX.hotfix.so...\n";

static const char help_text[] =
	"Compiles replacement functions, or what a diff changes in the source\n"
	"of a running program, into a patch for it. --join makes one patch of\n"
	"several of one --name for a program and its libraries, to be switched\n"
	"together.\n"
	"\n"
	"  --target BIN           the executable or library to be patched\n"
	"  -o, --output OUT       the patch file, NAME.hotfix.so\n"
	"  --debuginfo FILE       debug information of BIN, where it has none\n"
	"  --sysroot DIR          where BIN's libraries and debug files are\n"
	"  --name NAME            name of the patch [that of OUT]\n"
	"  --reason TEXT          why, for whoever finds it in a process\n"
	"  --ticket ID            where to read more\n"
	"  --author WHO           who answers for it\n"
	"  --nothrow FUNCTION     declare that no exception passes FUNCTION and\n"
	"                         no thread is cancelled inside\n"
	"  --keep-temps           keep and name the intermediate files\n"
	"  --json                 report as one JSON object\n"
	"  --help, --version\n"
	"\n"
	"From replacement functions:\n"
	"  --replace OLD[=NEW]    function OLD (or FILE:OLD) is replaced by NEW;\n"
	"                         for sources without HOTFIX_REPLACE lines\n"
	"  --compile-commands F   compile_commands.json of BIN's build\n"
	"  --allow-inlined        accept that copies keep the old code\n"
	"The compiler is $CC, else the one that BIN was compiled with.\n"
	"\n"
	"From a source diff (--target several times: one patch for all):\n"
	"  --source DIR           the source of BIN, without the fix; a copy is\n"
	"                         built, DIR is left as it is\n"
	"  --diff FILE...         the fix, one or more diffs, in this order\n"
	"  --cache DIR            keep the unpatched build for the next diff\n"
	"  --jobs N               ask the build command for N jobs at a time\n"
	"  --accept-unproven      go on when BIN is not what DIR builds\n"
	"  --force-data NAME      accept that variable NAME keeps its old value\n"
	"  --allow-layout TYPE    declare that no object of a changed TYPE, or\n"
	"                         from \"FUNCTION()\" by a changed length, lives\n"
	"                         while no thread is inside what is replaced\n"
	"Exit status: 0 done, 1 failed, 2 usage, 3 refused as unsafe.\n";

#define JOBS_MAX 4096

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
	OPTION_JOIN,
	OPTION_SOURCE,
	OPTION_DIFF,
	OPTION_CACHE,
	OPTION_JOBS,
	OPTION_ACCEPT_UNPROVEN,
	OPTION_FORCE_DATA,
	OPTION_ALLOW_LAYOUT,
	OPTION_NOTHROW,
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
	{ "join", no_argument, NULL, OPTION_JOIN },
	{ "source", required_argument, NULL, OPTION_SOURCE },
	{ "diff", required_argument, NULL, OPTION_DIFF },
	{ "cache", required_argument, NULL, OPTION_CACHE },
	{ "jobs", required_argument, NULL, OPTION_JOBS },
	{ "accept-unproven", no_argument, NULL, OPTION_ACCEPT_UNPROVEN },
	{ "force-data", required_argument, NULL, OPTION_FORCE_DATA },
	{ "allow-layout", required_argument, NULL, OPTION_ALLOW_LAYOUT },
	{ "nothrow", required_argument, NULL, OPTION_NOTHROW },
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

static int add_target(struct options *options, const char *path)
{
	struct target_option *more;

	if (!options->target) {
		options->target = path;
		return 0;
	}
	more = array_append(options->more_targets, options->nr_more_targets);
	if (!more)
		return -ENOMEM;
	more->target = path;
	return 0;
}

/* Of the target that was named last. */
static void set_debuginfo(struct options *options, const char *path)
{
	size_t nr = options->nr_more_targets;

	if (nr)
		options->more_targets[nr - 1].debuginfo = path;
	else
		options->debuginfo = path;
}

static int set_jobs(struct options *options, const char *text)
{
	char *end;
	unsigned long jobs = strtoul(text, &end, 10);

	if (*end || *text == '-' || !jobs || jobs > JOBS_MAX)
		return -EINVAL;
	options->jobs = (unsigned int)jobs;
	return 0;
}

static int set_option(struct options *options, int value, char *argument)
{
	switch (value) {
	case OPTION_TARGET:
		return add_target(options, argument);
	case OPTION_DEBUGINFO:
		set_debuginfo(options, argument);
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
	case OPTION_JOIN:
		options->join = true;
		return 0;
	case OPTION_SOURCE:
		options->source_directory = argument;
		return 0;
	case OPTION_DIFF:
		return strings_add(&options->diffs, argument);
	case OPTION_CACHE:
		options->cache = argument;
		return 0;
	case OPTION_JOBS:
		return set_jobs(options, argument);
	case OPTION_ACCEPT_UNPROVEN:
		options->accept_unproven = true;
		return 0;
	case OPTION_FORCE_DATA:
		return strings_add(&options->force_data, argument);
	case OPTION_ALLOW_LAYOUT:
		return strings_add(&options->allow_layout, argument);
	case OPTION_NOTHROW:
		return strings_add(&options->nothrow, argument);
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

/* What stands behind "--" is the compiler's or the build's. */
static int split_arguments(int argc, char **argv, struct strings *behind,
			   int *ret_argc)
{
	int end = 1;

	while (end < argc && strcmp(argv[end], "--"))
		end++;
	for (int i = end + 1; i < argc; i++)
		if (strings_add(behind, argv[i]))
			return -ENOMEM;
	*ret_argc = end;
	return 0;
}

/* The two ways to a patch have options of their own. */
static int check_diff_options(const struct options *options)
{
	if (!options->diffs.nr)
		return usage("--source needs a --diff");
	if (!options->build_command.nr)
		return usage("the build command is missing: -- make");
	if (options->nr_replaces || options->compile_commands ||
	    options->allow_inlined)
		return usage("--replace, --compile-commands and "
			     "--allow-inlined are not for a source diff");
	return 0;
}

static int check_source_options(const struct options *options)
{
	if (!options->sources.nr)
		return usage("no source file is given");
	if (options->nr_more_targets)
		return usage("several targets need --source");
	if (options->diffs.nr || options->cache || options->jobs ||
	    options->accept_unproven || options->force_data.nr ||
	    options->allow_layout.nr)
		return usage("--diff, --cache, --jobs, --accept-unproven, "
			     "--force-data and --allow-layout need --source");
	return 0;
}

static int check_join_options(const struct options *options)
{
	if (options->target || options->source_directory)
		return usage("--join takes patch files that are built already");
	if (options->sources.nr < 2)
		return usage("--join needs two patch files or more");
	return options->output ? 0 : usage("-o is missing");
}

static int check_options(const struct options *options)
{
	if (options->join)
		return check_join_options(options);
	if (!options->target)
		return usage("--target is missing");
	if (!options->output)
		return usage("-o is missing");
	return options->source_directory ? check_diff_options(options) :
					   check_source_options(options);
}

/* Files, and what stands behind "--", belong to the way that was chosen. */
static int sort_arguments(int argc, char **argv, struct options *options,
			  struct strings *behind)
{
	bool is_diff = options->source_directory;
	struct strings *files = is_diff ? &options->diffs : &options->sources;

	for (int i = optind; i < argc; i++)
		if (strings_add(files, argv[i]))
			return -ENOMEM;
	if (is_diff)
		options->build_command = *behind;
	else
		options->extra_flags = *behind;
	*behind = (struct strings){ 0 };
	return 0;
}

static int option_problem(int value)
{
	if (value == OPTION_JOBS)
		return usage("--jobs wants a number");
	return usage("--replace wants OLD, OLD=NEW or FILE:OLD=NEW");
}

/* Return: 0; 1 when all was said; -EINVAL. */
static int parse_options(int argc, char **argv, struct options *options)
{
	struct strings behind = { 0 };
	int value;

	if (split_arguments(argc, argv, &behind, &argc))
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
		if (set_option(options, value, optarg))
			return option_problem(value);
	}
	if (sort_arguments(argc, argv, options, &behind))
		return -ENOMEM;
	return check_options(options);
}

static void options_release(struct options *options)
{
	strings_release(&options->sources);
	strings_release(&options->extra_flags);
	strings_release(&options->diffs);
	strings_release(&options->build_command);
	strings_release(&options->force_data);
	strings_release(&options->allow_layout);
	strings_release(&options->nothrow);
	free(options->replaces);
	free(options->more_targets);
}

static int run_build(const struct options *options)
{
	struct several several = { 0 };
	struct hf_diag diag = { 0 };
	int r = several_run(options, &several, &diag);

	report(options, &several, r, &diag);
	several_release(&several);
	return r;
}

static int run_join(const struct options *options)
{
	struct hf_diag diag = { 0 };
	int r = join_parts(&options->sources, options->output, &diag);

	report_joined(options, r, &diag);
	return r;
}

int main(int argc, char **argv)
{
	struct options options = { 0 };
	int r = parse_options(argc, argv, &options);

	if (!r) {
		command_stop_on_signals();
		r = options.join ? run_join(&options) : run_build(&options);
		r = (int)diag_exit_status(r);
	} else {
		r = r > 0 ? HF_EXIT_DONE : HF_EXIT_USAGE;
	}
	options_release(&options);
	return r;
}
