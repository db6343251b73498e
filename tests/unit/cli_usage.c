/*
 * Whole command lines: what is understood, and what is refused in which words.
 */
#include "../../agent/cmd.h"
#include "../tap.h"

#include <errno.h>

#define WORDS_MAX 12

/* Parses "apply FIX -p 1" as words; @line is released by the caller. */
static int parse(const struct command *command, const char *text,
		 struct command_line *line, struct hf_diag *diag)
{
	static char copy[256]; /* the line refers to it */
	static char *argv[WORDS_MAX + 1];
	int argc = 0;

	snprintf(copy, sizeof(copy), "%s", text);
	for (char *word = strtok(copy, " "); word && argc < WORDS_MAX;
	     word = strtok(NULL, " "))
		argv[argc++] = word;
	argv[argc] = NULL;
	return command_line_parse(command, argc, argv, line, diag);
}

TEST(options_anywhere)
{
	struct command_line line;
	struct hf_diag diag = { 0 };

	CHECK_EQ(parse(&command_apply,
		       "apply -p 7 fix.so --wait 250us --max-pause=5ms "
		       "--mode entry --scan=all --dry-run -p8,7",
		       &line, &diag), 0);
	CHECK_EQ(line.pids.nr, 2);
	CHECK_EQ(line.nr_arguments, 1);
	CHECK_STR(line.arguments[0], "fix.so");
	CHECK_EQ(line.operation.wait_ms, 1); /* rounded up, not to 0 */
	CHECK_EQ(line.operation.max_pause_ns, 5000000);
	CHECK_EQ(line.operation.mode, SWITCH_ENTRY);
	CHECK(line.operation.scan_all);
	CHECK(line.operation.dry_run);
	CHECK(!line.operation.replace_active);
	command_line_release(&line);
}

TEST(option_defaults)
{
	struct command_line line;

	CHECK_EQ(parse(&command_apply, "apply f --all", &line, NULL), 0);
	CHECK_EQ(line.operation.wait_ms, 5000);
	CHECK_EQ(line.operation.max_pause_ns, 0);
	CHECK_EQ(line.operation.mode, SWITCH_QUIESCENT);
	CHECK(line.all && !line.json && !line.operation.scan_all);
	command_line_release(&line);
}

TEST(usage_errors)
{
	static const struct {
		const struct command *command;
		const char *line, *message;
	} cases[] = {
		{ &command_apply, "apply", "the patch file (FIX) is missing" },
		{ &command_apply, "apply f", "no process is named" },
		{ &command_apply, "apply f -p 1 --all", "exclude each other" },
		{ &command_apply, "apply f g -p 1", "one argument too many" },
		{ &command_apply, "apply f -p x", "\"x\" is no process id" },
		{ &command_apply, "apply f -p", "--pid needs a value" },
		{ &command_apply, "apply f --wait", "--wait needs a value" },
		{ &command_apply, "apply f --wait 5x -p 1", "--wait: \"5x\"" },
		{ &command_apply, "apply f --max-pause 0 -p 1",
		  "without any pause" },
		{ &command_apply, "apply f --mode fast -p 1", "\"fast\"" },
		{ &command_apply, "apply f --scan=some -p 1", "\"some\"" },
		{ &command_apply, "apply f --json=1 -p 1", "takes no value" },
		{ &command_apply, "apply f -x -p 1", "no option -x" },
		{ &command_apply, "apply f --everything -p 1",
		  "\"--everything\" is not known here" },
		{ &command_revert, "revert -p 1", "nothing to revert" },
		{ &command_revert, "revert a --everything -p 1",
		  "exclude each other" },
		{ &command_revert, "revert --everything --all",
		  "not for --all" },
		{ &command_revert, "revert a", "no process is named" },
		{ &command_revert, "revert a?b -p 1",
		  "cannot be the name of a patch" },
		{ &command_revert, "revert a --dry-run -p 1",
		  "\"--dry-run\" is not known here" },
		{ &command_status, "status 12", "one argument too many" },
		{ &command_check, "check f", "nothing to check against" },
		{ &command_check, "check f b -p 1", "exclude each other" },
		{ &command_show, "show f -p 1,2", "one process is enough" },
		{ &command_show, "show f -p 1 --target b",
		  "exclude each other" },
		{ &command_recover, "recover", "no process is named" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct hf_diag diag = { 0 };
		struct command_line line;

		CHECK_EQ(parse(cases[i].command, cases[i].line, &line, &diag),
			 -EINVAL);
		CHECK_CONTAINS(diag.message, cases[i].message);
		CHECK_STR(diag.code, "usage");
		CHECK_CONTAINS(diag.hint, "--help");
	}
}

/* What an operator must be able to ask for when everything else is wrong. */
TEST(help_needs_nothing_else)
{
	struct command_line line;

	CHECK_EQ(parse(&command_apply, "apply --help", &line, NULL), 0);
	CHECK(line.help);
	command_line_release(&line);
}

TEST(json_known_early)
{
	char *with[] = { "apply", "--wait", "--json", NULL };
	char *behind[] = { "apply", "--", "--json", NULL };

	CHECK(command_line_wants_json(3, with));
	CHECK(!command_line_wants_json(3, behind));
}

int main(int argc, char **argv)
{
	return tap_main(argc, argv);
}
