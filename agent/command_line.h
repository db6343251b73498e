/*
 * Options, the same in every command that takes them.
 */
#pragma once

#include "operation.h"
#include "pids.h"
#include "rollout_options.h"

struct command;

enum command_option {
	OPTION_PID = 1 << 0,
	OPTION_ALL = 1 << 1,
	OPTION_EVERYTHING = 1 << 2,
	OPTION_DRY_RUN = 1 << 3,
	OPTION_WAIT = 1 << 4,
	OPTION_MAX_PAUSE = 1 << 5,
	OPTION_MODE = 1 << 6,
	OPTION_SCAN = 1 << 7,
	OPTION_REPLACE_ACTIVE = 1 << 8,
	OPTION_TARGET = 1 << 9,
	OPTION_JSON = 1 << 10,
	OPTION_HELP = 1 << 11,
	OPTION_POLICY = 1 << 12,
	OPTION_SINCE = 1 << 13,
	OPTION_NAME = 1 << 14,
	OPTION_TICKET = 1 << 15,
	OPTION_VERIFY = 1 << 16,
	OPTION_GDB = 1 << 17,
	OPTION_OUTPUT = 1 << 27,
	OPTION_FORMAT = 1 << 28,
	OPTION_DIGEST = 1 << 29,
	OPTION_GIT = 1 << 30,
	OPTION_CANARY = 1 << 18,
	OPTION_THEN = 1 << 19,
	OPTION_OBSERVE = 1 << 20,
	OPTION_PROBE = 1 << 21,
	OPTION_LIMIT = 1 << 22,
	OPTION_CONFIRM_WITHIN = 1 << 23,
	OPTION_ATOMIC = 1 << 24,
	OPTION_ONCE = 1 << 25,
};

/* How apply and revert switch. */
#define OPTIONS_SWITCH                                                         \
	(OPTION_WAIT | OPTION_MAX_PAUSE | OPTION_MODE | OPTION_SCAN)
/* How apply goes about it with many. */
#define OPTIONS_ROLLOUT                                                        \
	(OPTION_CANARY | OPTION_THEN | OPTION_OBSERVE | OPTION_PROBE |         \
	 OPTION_LIMIT | OPTION_CONFIRM_WITHIN | OPTION_ATOMIC)
#define OPTIONS_ALWAYS (OPTION_JSON | OPTION_HELP)

struct command_line {
	char **arguments;   /* borrowed from argv */
	size_t nr_arguments;
	bool help, json, all, everything;
	struct pids pids;
	struct operation_options operation;
	struct rollout_options rollout;
	const char *target; /* --target, or NULL */
	const char *policy; /* --policy, or NULL */
	const char *name, *ticket; /* --name, --ticket, or NULL */
	int64_t since_ns; /* --since, CLOCK_REALTIME; 0: from the beginning */
	bool verify, gdb, once;
	const char *output, *format, *digest, *git; /* of report, or NULL */
};

/**
 * command_line_parse() - read and check the words behind the command's name
 * @argv: argv[0] is the command's name; is permuted
 *
 * With --help the rest is not checked.
 *
 * Return: 0; -EINVAL: wrong usage; -ENOMEM.
 */
int command_line_parse(const struct command *command, int argc, char **argv,
		       struct command_line *ret_line, struct hf_diag *diag);
void command_line_release(struct command_line *line);

/* Whether @word can be the name of a patch. Return: 0; -EINVAL with the reason. */
int patch_name_check(const char *word, struct hf_diag *diag);

/* The rule of a command whose one argument is the name of a patch. */
int command_line_check_name(const struct command_line *line,
			    struct hf_diag *diag);

/* Whether --json is asked for, to be known before anything can fail. */
bool command_line_wants_json(int argc, char **argv);

/* "hotfix COMMAND --help", made from the tables. */
void command_help(const struct command *command, FILE *file);
