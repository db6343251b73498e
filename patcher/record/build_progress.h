/*
 * "building the original: 123 files compiled", in place, on a terminal only.
 */
#pragma once

#include <stdbool.h>

struct build_progress {
	const char *what;
	const char *compiles; /* a directory with an entry for each file */
	bool is_shown;
};

void build_progress_show(struct build_progress *progress);
/* Leaves no trace of it. */
void build_progress_end(struct build_progress *progress);
