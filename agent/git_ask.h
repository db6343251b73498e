/*
 * Questions to git(1), which runs as a child: it may be asked about a repository in
 * which others have written. It is told to run nothing that is configured there, to
 * fetch nothing and to ask nobody, and refuses by itself a repository of another user
 * (safe.directory).
 */
#pragma once

#include <stddef.h>

#include "../lib/diag.h"

struct git_answer {
	char *text; /* stdout and stderr; terminated; NULL: none came */
	size_t size;
	int status; /* git's own; 128: it was ended */
};

/**
 * git_ask() - run "git WORDS..." in @directory
 * @words:      up to 24, NULL at the end
 * @ret_answer: release it with git_answer_release(), also on failure
 *
 * What git itself refuses is no failure here: see @ret_answer->status.
 *
 * Return: 0; -ENOENT (code "no-git"); -ETIMEDOUT after 30 s; -EFBIG above 4 MiB;
 * -ENOMEM; -errno.
 */
int git_ask(const char *directory, const char *const *words,
	    struct git_answer *ret_answer, struct hf_diag *diag);
void git_answer_release(struct git_answer *answer);
