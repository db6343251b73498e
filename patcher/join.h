/*
 * One patch for several modules: the finished patch file of the first takes in
 * those of the others.
 *
 *	[ the first patch file ][ .note.hotfix.parts ][ .shstrtab ][ sections ]
 *	                          note, type 2: the second patch file
 *	                          note, type 2: the third
 */
#pragma once

#include "../lib/diag.h"
#include "array.h"

/**
 * join_parts() - make one patch of several
 * @files: patch files of one name for different modules; the first gives the
 *         result its shape, and the processes that --all finds
 *
 * The result is checked as the agent would before it takes the name @output.
 *
 * Return: 0; -ECANCELED: "join-names", "join-targets", "join-parts"; -EBADMSG;
 * -ENOMEM; -errno. On failure @output is as it was.
 */
int join_parts(const struct strings *files, const char *output,
	       struct hf_diag *diag);
