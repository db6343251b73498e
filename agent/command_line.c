/*
 * One table describes every option; a command names those that it takes. The
 * parser, the help texts and the refusal of foreign options all follow from it.
 */
#include "command_line.h"

#include <errno.h>
#include <getopt.h>
#include <stddef.h>
#include <string.h>

#include "cmd.h"
#include "duration.h"
#include "since.h"

#define WAIT_DEFAULT_MS 5000
#define NS_PER_MS 1000000ull

/* getopt's value of long options: above every character. */
#define OPTION_VALUE 0x1000

/* Return: 0; -EINVAL with the reason; -ENOMEM. */
typedef int option_take_fn(struct command_line *line, const char *value,
			   struct hf_diag *diag);

/* --- values ------------------------------------------------------------------- */

static int pid_take(struct command_line *line, const char *value,
		    struct hf_diag *diag)
{
	return pids_parse(&line->pids, value, diag);
}

static int wait_take(struct command_line *line, const char *value,
		     struct hf_diag *diag)
{
	uint64_t ns;
	int r = duration_parse(value, &ns, diag);

	if (r)
		return hf_context(diag, r, "--wait");
	line->operation.wait_ms =
		(unsigned int)((ns + NS_PER_MS - 1) / NS_PER_MS);
	return 0;
}

/* @zero: what is wrong with no time at all. */
static int time_take(const char *option, const char *zero, const char *value,
		     uint64_t *ret_ns, struct hf_diag *diag)
{
	int r = duration_parse(value, ret_ns, diag);

	if (r == 0 && !*ret_ns)
		r = hf_error(diag, -EINVAL, "usage", "%s", zero);
	return r ? hf_context(diag, r, "%s", option) : 0;
}

/* 0 would mean "any" to the operation. */
static int max_pause_take(struct command_line *line, const char *value,
			  struct hf_diag *diag)
{
	return time_take("--max-pause",
			 "a switch without any pause is not possible", value,
			 &line->operation.max_pause_ns, diag);
}

static int observe_take(struct command_line *line, const char *value,
			struct hf_diag *diag)
{
	return time_take("--observe", "in no time nothing is seen", value,
			 &line->rollout.observe_ns, diag);
}

static int confirm_within_take(struct command_line *line, const char *value,
			       struct hf_diag *diag)
{
	return time_take("--confirm-within", "nobody can confirm in no time",
			 value, &line->rollout.confirm_within_ns, diag);
}

static int mode_take(struct command_line *line, const char *value,
		     struct hf_diag *diag)
{
	if (!strcmp(value, "quiescent"))
		line->operation.mode = SWITCH_QUIESCENT;
	else if (!strcmp(value, "entry"))
		line->operation.mode = SWITCH_ENTRY;
	else
		return hf_error(diag, -EINVAL, "usage",
				"--mode: \"%s\" is neither \"quiescent\" nor "
				"\"entry\"",
				value);
	return 0;
}

static int scan_take(struct command_line *line, const char *value,
		     struct hf_diag *diag)
{
	if (strcmp(value, "all"))
		return hf_error(diag, -EINVAL, "usage",
				"--scan: \"%s\" is not known; it takes \"all\"",
				value);
	line->operation.scan_all = true;
	return 0;
}

static int since_take(struct command_line *line, const char *value,
		      struct hf_diag *diag)
{
	return since_parse(value, &line->since_ns, diag);
}

static int canary_take(struct command_line *line, const char *value,
		       struct hf_diag *diag)
{
	return waves_parse_canary(value, &line->rollout.waves, diag);
}

static int then_take(struct command_line *line, const char *value,
		     struct hf_diag *diag)
{
	return waves_parse_then(value, &line->rollout.waves, diag);
}

static int limit_take(struct command_line *line, const char *value,
		      struct hf_diag *diag)
{
	return limits_parse(value, &line->rollout.limits, diag);
}

/* --- the table ---------------------------------------------------------------- */

struct option_spec {
	enum command_option option;
	char letter;
	const char *name;
	const char *argument;
	const char *help;
	/* What it does: one of these. Members of struct command_line by offset;
	 * the first of them, `arguments`, is nobody's, so that 0 is none. */
	size_t flag, text;
	option_take_fn *take;
};

#define MEMBER(member) offsetof(struct command_line, member)

static const struct option_spec specs[] = {
	{ OPTION_PID, 'p', "pid", "PID",
	  "this process; may be repeated, or 1,2,3",
	  .take = pid_take },
	{ OPTION_ALL, 0, "all", NULL, "every process that it concerns",
	  .flag = MEMBER(all) },
	{ OPTION_EVERYTHING, 0, "everything", NULL,
	  "all patches of the process, in one switch",
	  .flag = MEMBER(everything) },
	{ OPTION_DRY_RUN, 'n', "dry-run", NULL,
	  "do everything but touch the process",
	  .flag = MEMBER(operation.dry_run) },
	{ OPTION_WAIT, 0, "wait", "TIME",
	  "wait so long for busy functions (default 5s)",
	  .take = wait_take },
	{ OPTION_MAX_PAUSE, 0, "max-pause", "TIME",
	  "give up rather than stop it for longer",
	  .take = max_pause_take },
	{ OPTION_MODE, 0, "mode", "MODE",
	  "quiescent (default): no thread is inside a\n"
	  "function when it is replaced; entry: new calls\n"
	  "take the new code, running ones finish the old",
	  .take = mode_take },
	{ OPTION_SCAN, 0, "scan", "all",
	  "look for stacks of coroutines in all memory",
	  .take = scan_take },
	{ OPTION_REPLACE_ACTIVE, 0, "replace-active", NULL,
	  "take the module's other patches away in the\nsame switch",
	  .flag = MEMBER(operation.replace_active) },
	{ OPTION_TARGET, 0, "target", "BIN",
	  "take the old code from this file",
	  .text = MEMBER(target) },
	{ OPTION_POLICY, 0, "policy", "FILE",
	  "restrict it by this policy, too",
	  .text = MEMBER(policy) },
	{ OPTION_SINCE, 0, "since", "TIME",
	  "from then on: 90d or 12h ago, or local time:\n2026-11-23, 2026-11-23T21:30",
	  .take = since_take },
	{ OPTION_NAME, 0, "name", "NAME", "of this patch",
	  .text = MEMBER(name) },
	{ OPTION_TICKET, 0, "ticket", "ID", "of this ticket",
	  .text = MEMBER(ticket) },
	{ OPTION_VERIFY, 0, "verify", NULL,
	  "whether every entry is there, and as written",
	  .flag = MEMBER(verify) },
	{ OPTION_GDB, 0, "gdb", NULL,
	  "as commands that tell gdb what the patches are",
	  .flag = MEMBER(gdb) },
	{ OPTION_OUTPUT, 'o', "output", "FILE",
	  "write it there; -: to standard output",
	  .text = MEMBER(output) },
	{ OPTION_FORMAT, 0, "format", "FORM",
	  "md, html or json (default: as FILE ends, or md)",
	  .text = MEMBER(format) },
	{ OPTION_DIGEST, 0, "digest", "HEX",
	  "the patch whose digest begins so, of several\nof that name",
	  .text = MEMBER(digest) },
	{ OPTION_GIT, 0, "git", "DIR",
	  "ask this repository for the history of the code",
	  .text = MEMBER(git) },
	{ OPTION_CANARY, 0, "canary", "N",
	  "at first N of them only, or N%; then the rest",
	  .take = canary_take },
	{ OPTION_THEN, 0, "then", "LIST",
	  "then so many of all in waves: 10%,50%,100%",
	  .take = then_take },
	{ OPTION_OBSERVE, 0, "observe", "TIME",
	  "watch the patched ones for so long after each\n"
	  "wave; take all back if they do not stay well",
	  .take = observe_take },
	{ OPTION_PROBE, 0, "probe", "CMD",
	  "ask this shell command, too, if all is well",
	  .text = MEMBER(rollout.probe) },
	{ OPTION_LIMIT, 0, "limit", "LIST",
	  "how much worse is not well (default\n"
	  "exits=3,cpu=100%,memory=100%; or off)",
	  .take = limit_take },
	{ OPTION_CONFIRM_WITHIN, 0, "confirm-within", "TIME",
	  "take all back unless `hotfix confirm` comes",
	  .take = confirm_within_take },
	{ OPTION_ATOMIC, 0, "atomic", NULL,
	  "all of the processes or none",
	  .flag = MEMBER(rollout.atomic) },
	{ OPTION_ONCE, 0, "once", NULL,
	  "those that run now, and end",
	  .flag = MEMBER(once) },
	{ OPTION_JSON, 0, "json", NULL, "report as one JSON object",
	  .flag = MEMBER(json) },
	{ OPTION_HELP, 'h', "help", NULL, "this text",
	  .flag = MEMBER(help) },
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

static int option_take(struct command_line *line,
		       const struct option_spec *spec, const char *value,
		       struct hf_diag *diag)
{
	void *flag = (char *)line + spec->flag, *text = (char *)line + spec->text;

	if (spec->take)
		return spec->take(line, value, diag);
	if (spec->text)
		*(const char **)text = value;
	else
		*(bool *)flag = true;
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
		r = option_take(line, spec_of(value), optarg, diag);
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
