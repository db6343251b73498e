/*
 * The bytes of a function as they were built: the patch file has only their
 * digest, so they come from the program's file or from a process that runs it.
 */
#pragma once

#include "../lib/patch_file.h"
#include "../lib/types.h"
#include <sys/types.h>

struct old_code;

/**
 * old_code_open_file() - take old code from the file of the program
 *
 * Return: 0; -ECANCELED (code "build-id-mismatch"); -errno of opening it.
 */
int old_code_open_file(const char *path, const struct patch_file *patch,
		       struct old_code **ret_code, struct hf_diag *diag);

/* Whether the file can be read and is the build that @patch, or any part of it,
 * is for. */
bool old_code_is_for(const char *path, const struct patch_file *patch);
bool old_code_is_for_any(const char *path, const struct patch_file *patch);

/* Return: 0; -ECANCELED when it does not run that build; -ESRCH, -EPERM... */
int old_code_open_process(pid_t pid, const struct patch_file *patch,
			  struct old_code **ret_code, struct hf_diag *diag);

/**
 * old_code_read() - a function's own bytes, proven by their digest
 * @ret_bytes: function->size bytes, owned by the caller (free)
 *
 * In a process the jumps of our own patches are seen through.
 *
 * Return: 0; as verify_function().
 */
int old_code_read(const struct old_code *code,
		  const struct manifest_function *function, uint8_t **ret_bytes,
		  struct hf_diag *diag);

void old_code_close(struct old_code *code);
