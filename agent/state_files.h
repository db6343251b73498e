/*
 * Small JSON files in a directory of the state (state_dir.h): one for each thing that
 * outlives the command that made it.
 */
#pragma once

#include <jansson.h>

#include "../lib/diag.h"

/* Makes the directory too. The file is there whole, and on disk, or not at all.
 * Return: 0; -errno, with the path. */
int state_file_write(const char *directory, const char *name, const json_t *root,
		     struct hf_diag *diag);

/* Return: anything but 0 ends the walk. */
typedef int state_file_visit_fn(void *context, const char *name,
				const json_t *root);

/* What is no JSON is passed over; no directory, no file. Return: 0; what @visit
 * returned; -errno. */
int state_files_each(const char *directory, state_file_visit_fn *visit,
		     void *context, struct hf_diag *diag);
