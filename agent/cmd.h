/*
 * The commands: one table entry and one file each.
 *
 *   main.c      finds the command, parses its options (command_line.c)
 *   cmd_NAME.c  checks what is special to it, calls operation.h, reports
 *   batch.c     the loop over processes that apply, revert and recover share
 */
#pragma once

#include "command_line.h"
#include "output.h"

struct command {
	const char *name;
	const char *summary;	     /* for `hotfix --help` */
	const char *const *synopsis; /* lines, NULL at the end */
	const char *description;     /* whole lines */
	const char *examples;	     /* whole lines */
	unsigned int options;	     /* OPTION_* that it takes */
	const char *argument; /* its name for messages; NULL: takes none */
	unsigned int min_arguments, max_arguments;
	bool needs_processes;	/* -p or --all, not both */
	bool listens; /* to processes that begin and end: proc_events.h */
	bool changes_processes; /* signals wait until it is done with one */
	const char *list;	/* JSON member with one entry per process */
	/* Rules of its own about the command line. Return: 0; -EINVAL. */
	int (*check)(const struct command_line *line, struct hf_diag *diag);
	/* Prints its own errors. */
	enum hf_exit (*run)(const struct command_line *line,
			    struct output *output);
};

extern const struct command command_apply, command_revert, command_status,
	command_check, command_show, command_recover, command_log,
	command_confirm, command_keep, command_unkeep, command_watch,
	command_report;
