/*
 * The build command, run once: in its directory, with its output in a file, a
 * line of progress on a terminal, and ended in good order when we are told to
 * stop. Directly, never through a shell.
 */
#pragma once

#include <stdbool.h>

#include "../../lib/diag.h"
#include "../array.h"

struct build_process {
	const char *what; /* "the original", for people */
	const struct strings *command;
	const struct strings *environment; /* all of it */
	const char *tree;  /* where it runs, */
	const char *place; /* under this path, NULL: its own */
	const char *log;   /* appended to */
	const char *compiles; /* directory whose entries count progress */
};

/**
 * build_process_run() - run it and wait
 *
 * Return: 0; -EIO when the command failed, with the lines of the log that
 * matter; -EINTR; -errno when it could not be started.
 */
int build_process_run(const struct build_process *process,
		      struct hf_diag *diag);
