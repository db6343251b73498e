/*
 * Running the compiler: directly, never through a shell.
 */
#pragma once

#include "../lib/io.h"
#include "array.h"

/**
 * command_run() - run a program found in PATH and wait for it
 *
 * Its messages go to our standard error, as they come.
 *
 * Return: 0; -EIO when it failed or was killed (a reason in @diag); -errno
 * when it could not be started.
 */
int command_run(const struct strings *arguments, struct hf_diag *diag);

/**
 * command_stop_on_signals() - let SIGINT, SIGTERM and SIGHUP end the work in
 * good order: the running command is ended, command_run() fails with -EINTR,
 * and what was begun is cleaned up on the way out.
 */
void command_stop_on_signals(void);

/* Return: 0: go on; -EINTR: such a signal came, said in @diag. */
int command_stopped(struct hf_diag *diag);

/* The first line that a program prints, owned by the caller. */
int command_first_line(const struct strings *arguments, char **ret_line,
		       struct hf_diag *diag);

/**
 * command_capture() - run a program and keep what it prints
 * @ret_status: its exit status, whatever it is
 * @ret_output: both standard output and error
 *
 * It speaks English (LC_ALL=C) and reads nothing.
 *
 * Return: 0; -EIO when a signal killed it; -EINTR; -ENOMEM; -errno when it
 * could not be started.
 */
int command_capture(const struct strings *arguments, int *ret_status,
		    struct buffer *ret_output, struct hf_diag *diag);
