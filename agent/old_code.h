/*
 * The bytes of a function as they were built: the patch file has only their
 * digest, so they come from the program's file or from a process that runs it.
 */
#pragma once

#include "../lib/manifest.h"
#include "process.h"
#include "survey.h"

struct old_code {
	const char *path; /* the file, or NULL */
	int fd;
	struct survey survey; /* of the process; process NULL: a file */
	hf_addr bias;
};

/* Return: 0; -errno of opening it. */
int old_code_open_file(const char *path, struct old_code *ret_code,
		       struct hf_diag *diag);

/* Return: 0; -ESRCH...; -ECANCELED when it does not run that build. */
int old_code_open_process(pid_t pid, const struct manifest_target *target,
			  struct old_code *ret_code, struct hf_diag *diag);

/**
 * old_code_read() - a function's own bytes, proven by their digest
 * @ret_bytes: function->size bytes, owned by the caller (free)
 *
 * In a process the stores of our own patches are seen through: the control
 * blocks have the bytes that stood there.
 *
 * Return: 0; -ECANCELED (code "function-changed"): other bytes stand there;
 * -EIO, -EFAULT, -ENOMEM.
 */
int old_code_read(const struct old_code *code,
		  const struct manifest_function *function,
		  uint8_t **ret_bytes, struct hf_diag *diag);

void old_code_close(struct old_code *code);
