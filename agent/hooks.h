/*
 * Running a patch's hooks in the target: on a borrowed thread, while the
 * others run, with a limit. A hook that fails, crashes or does not return
 * before the switch refuses it; after the switch it is reported.
 */
#pragma once

#include "control.h"
#include "process.h"

/**
 * hook_run() - run one hook of an image that is mapped
 *
 * Return: 0, also when there is no such hook; -ECANCELED (code "hook-failed")
 * when a PRE hook returned other than 0; -ETIMEDOUT; what remote_call() says.
 */
int hook_run(const struct process *process, const struct control *control,
	     enum hook_kind kind, struct hf_diag *diag);
