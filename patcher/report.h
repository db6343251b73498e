/*
 * What a run of hotfix-build says: the only file of it that prints.
 *
 * Results go to standard output (one JSON object with --json, errors too),
 * everything else to standard error.
 */
#pragma once

#include "several.h"

/* @error: of several_run(), whatever it was. */
void report(const struct options *options, const struct several *several,
	    int error, const struct hf_diag *diag);

/* The same of --join. */
void report_joined(const struct options *options, int error,
		   const struct hf_diag *diag);
