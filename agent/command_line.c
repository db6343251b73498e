/*
 * One table describes every option; a command names those that it takes. The
 * parser, the help texts and the refusal of foreign options all follow from it.
 */
#include "command_line.h"

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <string.h>

#include "cmd.h"
#include "duration.h"
#include "since.h"

#define WAIT_DEFAULT_MS 5000
#define NS_PER_MS 1000000ull

/* getopt's value of long options: above every character. */
#define OPTION_VALUE 0x1000

struct option_spec {
	enum command_option option;
	char letter;
	const char *name;
	const char *argument;
	const char *help;
};

static const struct option_spec specs[] = {
	{ OPTION_PID, 'p', "pid", "PID",
	  "this process; may be repeated, or 1,2,3" },
	{ OPTION_ALL, 0, "all", NULL, "every process that it concerns" },
	{ OPTION_EVERYTHING, 0, "everything", NULL,
	  "all patches of the process, in one switch" },
	{ OPTION_DRY_RUN, 'n', "dry-run", NULL,
	  "do everything but touch the process" },
	{ OPTION_WAIT, 0, "wait", "TIME",
	  "wait so long for busy functions (default 5s)" },
	{ OPTION_MAX_PAUSE, 0, "max-pause", "TIME",
	  "give up rather than stop it for longer" },
	{ OPTION_MODE, 0, "mode", "MODE",
	  "quiescent (default): no thread is inside a\n"
	  "function when it is replaced; entry: new calls\n"
	  "take the new code, running ones finish the old" },
	{ OPTION_SCAN, 0, "scan", "all",
	  "look for stacks of coroutines in all memory" },
	{ OPTION_REPLACE_ACTIVE, 0, "replace-active", NULL,
	  "take the module's other patches away in the\nsame switch" },
	{ OPTION_TARGET, 0, "target", "BIN",
	  "take the old code from this file" },
	{ OPTION_POLICY, 0, "policy", "FILE",
	  "restrict it by this policy, too" },
	{ OPTION_SINCE, 0, "since", "TIME",
	  "from then on: 90d or 12h ago, or local time:\n2026-11-23, 2026-11-23T21:30" },
	{ OPTION_NAME, 0, "name", "NAME", "of this patch" },
	{ OPTION_TICKET, 0, "ticket", "ID", "of this ticket" },
	{ OPTION_VERIFY, 0, "verify", NULL,
	  "whether every entry is there, and as written" },
	{ OPTION_GDB, 0, "gdb", NULL,
	  "as commands that tell gdb what the patches are" },
	{ OPTION_OUTPUT, 'o', "output", "FILE",
	  "write it there; -: to standard output" },
	{ OPTION_FORMAT, 0, "format", "FORM",
	  "md, html or json (default: as FILE ends, or md)" },
	{ OPTION_DIGEST, 0, "digest", "HEX",
	  "the patch whose digest begins so, of several\nof that name" },
	{ OPTION_GIT, 0, "git", "DIR",
	  "ask this repository for the history of the code" },
	{ OPTION_CANARY, 0, "canary", "N",
	  "at first N of them only, or N%; then the rest" },
	{ OPTION_THEN, 0, "then", "LIST",
	  "then so many of all in waves: 10%,50%,100%" },
	{ OPTION_OBSERVE, 0, "observe", "TIME",
	  "watch the patched ones for so long after each\n"
	  "wave; take all back if they do not stay well" },
	{ OPTION_PROBE, 0, "probe", "CMD",
	  "ask this shell command, too, if all is well" },
	{ OPTION_LIMIT, 0, "limit", "LIST",
	  "how much worse is not well (default\n"
	  "exits=3,cpu=100%,memory=100%; or off)" },
	{ OPTION_CONFIRM_WITHIN, 0, "confirm-within", "TIME",
	  "take all back unless `hotfix confirm` comes" },
	{ OPTION_ATOMIC, 0, "atomic", NULL,
	  "all of the processes or none" },
	{ OPTION_ONCE, 0, "once", NULL,
	  "those that run now, and end" },
	{ OPTION_JSON, 0, "json", NULL, "report as one JSON object" },
	{ OPTION_HELP, 'h', "help", NULL, "this text" },
};

/* The tables that getopt wants, for the options of one command. */
struct getopt_tables {
	char letters[2 + 2 * ARRAY_SIZE(specs) + 1];
	struct option longs[ARRAY_SIZE(specs) + 1];
};

static void tables_fill(unsigned int options, struct getopt_tables *tables)
{
	struct option *next = tables->longs;
	char *letter = tables->letters;

	*tables = (struct getopt_tables){ 0 };
	*letter++ = ':';
	for (size_t i = 0; i < ARRAY_SIZE(specs); i++) {
		if (!(specs[i].option & options))
			continue;
		*next++ = (struct option){
			.name = specs[i].name,
			.has_arg = specs[i].argument ? required_argument
						     : no_argument,
			.val = OPTION_VALUE + (int)i,
		};
		if (!specs[i].letter)
			continue;
		*letter++ = specs[i].letter;
		if (specs[i].argument)
			*letter++ = ':';
	}
}

static const struct option_spec *spec_of(int value)
{
	if (value >= OPTION_VALUE)
		return &specs[value - OPTION_VALUE];
	for (size_t i = 0; i < ARRAY_SIZE(specs); i++)
		if (specs[i].letter == value)
			return &specs[i];
	return NULL;
}

static int wait_parse(const char *text, unsigned int *ret_ms,
		      struct hf_diag *diag)
{
	uint64_t ns;
	int r;

	r = duration_parse(text, &ns, diag);
	if (r)
		return hf_context(diag, r, "--wait");
	*ret_ms = (unsigned int)((ns + NS_PER_MS - 1) / NS_PER_MS);
	return 0;
}

static int max_pause_parse(const char *text, uint64_t *ret_ns,
			   struct hf_diag *diag)
{
	uint64_t ns;
	int r;

	r = duration_parse(text, &ns, diag);
	if (r)
		return hf_context(diag, r, "--max-pause");
	if (!ns) /* would mean "any" to the operation */
		return hf_error(diag, -EINVAL, "usage",
				"--max-pause: a switch without any pause is "
				"not possible");
	*ret_ns = ns;
	return 0;
}

static int mode_parse(const char *text, enum switch_mode *ret_mode,
		      struct hf_diag *diag)
{
	if (!strcmp(text, "quiescent"))
		*ret_mode = SWITCH_QUIESCENT;
	else if (!strcmp(text, "entry"))
		*ret_mode = SWITCH_ENTRY;
	else
		return hf_error(diag, -EINVAL, "usage",
				"--mode: \"%s\" is neither \"quiescent\" nor "
				"\"entry\"",
				text);
	return 0;
}

static int scan_parse(const char *text, bool *ret_all, struct hf_diag *diag)
{
	if (strcmp(text, "all"))
		return hf_error(diag, -EINVAL, "usage",
				"--scan: \"%s\" is not known; it takes \"all\"",
				text);
	*ret_all = true;
	return 0;
}

static int time_parse(const char *option, const char *text, uint64_t *ret_ns,
		      struct hf_diag *diag)
{
	int r = duration_parse(text, ret_ns, diag);

	if (r == 0 && !*ret_ns)
		r = hf_error(diag, -EINVAL, "usage", "that is no time");
	return r ? hf_context(diag, r, "%s", option) : 0;
}

static int option_take(struct command_line *line, enum command_option option,
		       const char *value, struct hf_diag *diag)
{
	struct operation_options *operation = &line->operation;
	struct rollout_options *rollout = &line->rollout;

	switch (option) {
	case OPTION_CANARY:
		return waves_parse_canary(value, &rollout->waves, diag);
	case OPTION_THEN:
		return waves_parse_then(value, &rollout->waves, diag);
	case OPTION_OBSERVE:
		return time_parse("--observe", value, &rollout->observe_ns,
				  diag);
	case OPTION_LIMIT:
		return limits_parse(value, &rollout->limits, diag);
	case OPTION_CONFIRM_WITHIN:
		return time_parse("--confirm-within", value,
				  &rollout->confirm_within_ns, diag);
	case OPTION_PROBE:
		rollout->probe = value;
		break;
	case OPTION_ATOMIC:
		rollout->atomic = true;
		break;
	case OPTION_PID:
		return pids_parse(&line->pids, value, diag);
	case OPTION_WAIT:
		return wait_parse(value, &operation->wait_ms, diag);
	case OPTION_MAX_PAUSE:
		return max_pause_parse(value, &operation->max_pause_ns, diag);
	case OPTION_MODE:
		return mode_parse(value, &operation->mode, diag);
	case OPTION_SCAN:
		return scan_parse(value, &operation->scan_all, diag);
	case OPTION_ALL:
		line->all = true;
		break;
	case OPTION_EVERYTHING:
		line->everything = true;
		break;
	case OPTION_DRY_RUN:
		operation->dry_run = true;
		break;
	case OPTION_REPLACE_ACTIVE:
		operation->replace_active = true;
		break;
	case OPTION_TARGET:
		line->target = value;
		break;
	case OPTION_POLICY:
		line->policy = value;
		break;
	case OPTION_SINCE:
		return since_parse(value, &line->since_ns, diag);
	case OPTION_NAME:
		line->name = value;
		break;
	case OPTION_TICKET:
		line->ticket = value;
		break;
	case OPTION_VERIFY:
		line->verify = true;
		break;
	case OPTION_GDB:
		line->gdb = true;
		break;
	case OPTION_OUTPUT:
		line->output = value;
		break;
	case OPTION_FORMAT:
		line->format = value;
		break;
	case OPTION_DIGEST:
		line->digest = value;
		break;
	case OPTION_GIT:
		line->git = value;
		break;
	case OPTION_ONCE:
		line->once = true;
		break;
	case OPTION_JSON:
		line->json = true;
		break;
	case OPTION_HELP:
		line->help = true;
		break;
	}
	return 0;
}

/* What getopt could not read: @value is its ':' or '?'. */
static int option_refuse(int value, char **argv, struct hf_diag *diag)
{
	const char *word = argv[optind - 1];
	const struct option_spec *spec = spec_of(optopt);

	if (value == ':')
		return hf_error(diag, -EINVAL, "usage",
				"option --%s needs a value (%s)", spec->name,
				spec->argument);
	if (optopt && spec && spec->argument == NULL && optopt >= OPTION_VALUE)
		return hf_error(diag, -EINVAL, "usage",
				"option --%s takes no value", spec->name);
	if (optopt && optopt < OPTION_VALUE)
		return hf_error(diag, -EINVAL, "usage",
				"there is no option -%c here", optopt);
	return hf_error(diag, -EINVAL, "usage",
			"option \"%s\" is not known here", word);
}

static int options_parse(const struct command *command, int argc, char **argv,
			 struct command_line *line, struct hf_diag *diag)
{
	struct getopt_tables tables;
	int value, r;

	tables_fill(command->options | OPTIONS_ALWAYS, &tables);
	optind = 0; /* also forgets an earlier, half-read command line */
	opterr = 0;
	for (;;) {
		value = getopt_long(argc, argv, tables.letters, tables.longs,
				    NULL);
		if (value < 0)
			return 0;
		if (value == '?' || value == ':')
			return option_refuse(value, argv, diag);
		r = option_take(line, spec_of(value)->option, optarg, diag);
		if (r)
			return r;
	}
}

static int arguments_check(const struct command *command,
			   const struct command_line *line,
			   struct hf_diag *diag)
{
	if (line->nr_arguments < command->min_arguments)
		return hf_error(diag, -EINVAL, "usage", "%s is missing",
				command->argument);
	if (line->nr_arguments > command->max_arguments)
		return hf_error(diag, -EINVAL, "usage",
				"\"%s\" is one argument too many",
				line->arguments[command->max_arguments]);
	return 0;
}

static int processes_check(const struct command *command,
			   const struct command_line *line,
			   struct hf_diag *diag)
{
	if (line->all && line->pids.nr)
		return hf_error(diag, -EINVAL, "usage",
				"-p and --all exclude each other");
	if (command->needs_processes && !line->all && !line->pids.nr)
		return hf_error(diag, -EINVAL, "usage",
				"no process is named: give -p PID or --all");
	return 0;
}

static int line_parse(const struct command *command, int argc, char **argv,
		      struct command_line *line, struct hf_diag *diag)
{
	int r;

	r = options_parse(command, argc, argv, line, diag);
	if (r || line->help)
		return r;
	line->arguments = argv + optind;
	line->nr_arguments = (size_t)(argc - optind);
	r = arguments_check(command, line, diag);
	if (!r)
		r = processes_check(command, line, diag);
	if (!r && command->check)
		r = command->check(line, diag);
	return r;
}

int command_line_parse(const struct command *command, int argc, char **argv,
		       struct command_line *ret_line, struct hf_diag *diag)
{
	struct command_line line = {
		.operation = { .mode = SWITCH_QUIESCENT,
			       .wait_ms = WAIT_DEFAULT_MS },
		.rollout = { .limits = LIMITS_DEFAULT },
	};
	int r;

	r = line_parse(command, argc, argv, &line, diag);
	if (r) {
		hf_hint(diag, "hotfix %s --help", command->name);
		command_line_release(&line);
		return r;
	}
	*ret_line = line;
	return 0;
}

void command_line_release(struct command_line *line)
{
	pids_release(&line->pids);
}

int patch_name_check(const char *word, struct hf_diag *diag)
{
	return manifest_name_valid(word) ?
		       0 :
		       hf_error(diag, -EINVAL, "usage",
				"\"%s\" cannot be the name of a patch", word);
}

int command_line_check_name(const struct command_line *line,
			    struct hf_diag *diag)
{
	return patch_name_check(line->arguments[0], diag);
}

bool command_line_wants_json(int argc, char **argv)
{
	for (int i = 1; i < argc && strcmp(argv[i], "--"); i++)
		if (!strcmp(argv[i], "--json"))
			return true;
	return false;
}

/* "  -p, --pid PID       text", further lines of text below the first. */
static void option_help(const struct option_spec *spec, FILE *file)
{
	char left[40];
	int width = 29;

	snprintf(left, sizeof(left), "%c%c%c --%s%s%s",
		 spec->letter ? '-' : ' ', spec->letter ? spec->letter : ' ',
		 spec->letter ? ',' : ' ', spec->name,
		 spec->argument ? "=" : "",
		 spec->argument ? spec->argument : "");
	fprintf(file, "  %-*s", width - 2, left);
	for (const char *line = spec->help; line;) {
		size_t size = strcspn(line, "\n");

		fprintf(file, "%.*s\n", (int)size, line);
		line = line[size] ? line + size + 1 : NULL;
		if (line)
			fprintf(file, "%*s", width, "");
	}
}

void command_help(const struct command *command, FILE *file)
{
	for (size_t i = 0; command->synopsis[i]; i++)
		fprintf(file, "%s hotfix %s %s\n",
			i ? "      " : "usage:", command->name,
			command->synopsis[i]);
	fprintf(file, "\n%s\nOptions:\n", command->description);
	for (size_t i = 0; i < ARRAY_SIZE(specs); i++)
		if (specs[i].option & (command->options | OPTIONS_ALWAYS))
			option_help(&specs[i], file);
	fprintf(file, "\nExample:\n%s", command->examples);
}
