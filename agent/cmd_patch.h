/*
 * What apply and check begin with: the policies, and a patch file that they let
 * through.
 */
#pragma once

#include "command_line.h"
#include "output.h"
#include "patch_load.h"

struct cmd_patch {
	struct policies policies;
	struct patch_file *patch;
	struct operation_options options; /* the command line's, under these */
};

/**
 * cmd_patch_open() - read the patch that the command line names
 * @ret_patch: must not be moved; release with cmd_patch_close()
 *
 * Says what is to be said about its signature.
 *
 * Return: 0; what policies_load() and patch_load() return.
 */
int cmd_patch_open(const struct command_line *line, struct output *output,
		   struct cmd_patch *ret_patch, struct hf_diag *diag);
void cmd_patch_close(struct cmd_patch *patch);
