/*
 * Which of the programs that a build links is the target.
 *
 * Not by its name: it may have been installed under another, and two programs
 * of one build may be called alike. By what is in it: the one whose objects
 * define the functions that the target has; of several, the one whose functions
 * are those of the target byte by byte, see choose_code.h.
 */
#pragma once

#include "../build.h"
#include "../record/recording.h"

/**
 * choose_link() - the link that made this target
 *
 * Return: 0; -ECANCELED (code "target-not-built") with what was linked;
 * -ENOMEM; -errno.
 */
int choose_link(const struct build *build, const struct recording *recording,
		const struct link_step **ret_link, struct hf_diag *diag);

/* The last link of the same output in @recording; NULL: it was not linked. */
const struct link_step *choose_same(const struct recording *recording,
				    const struct link_step *link);
