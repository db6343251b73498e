/*
 * The compiler flags of the target, made fit for a patch.
 *
 * Code that shares structures and inline functions with the target must be
 * compiled alike: same language, optimisation, machine and layout options. They
 * come from compile_commands.json when given, else from DW_AT_producer, where
 * the compiler notes what it was told. Dropped is what asks for another kind of
 * output (-fPIE, -flto, -c, -o), for run-time support that a patch cannot bring
 * (-fsanitize, -fprofile), or for a room to patch that a patch does not need.
 */
#pragma once

#include <stdbool.h>

#include "../lib/diag.h"
#include "array.h"

struct flags {
	struct strings arguments;
	char *compiler;	 /* "gcc", "clang"; NULL when not known */
	char *producer;	 /* the whole line; NULL when not known */
	char *version;	 /* "12.2.0"; NULL when not known */
	char *directory; /* where the target was compiled, may be NULL */
	struct strings headers; /* directories to look in after all others */
};

/* Whether a flag of the target is right for a patch too. */
bool flag_is_kept(const char *flag);

/**
 * flags_from_producer() - what DW_AT_producer tells
 *
 * Flags stay empty when the compiler does not record them (clang without
 * -grecord-command-line).
 *
 * Return: 0; -ENOMEM.
 */
int flags_from_producer(const char *producer, struct flags *ret_flags);

/**
 * flags_from_commands() - the entry of @source in a compile_commands.json
 * @source: path, or the end of one, of a source file of the target
 *
 * Return: 0; -ENOENT when no entry names it; -EBADMSG; -errno.
 */
int flags_from_commands(const char *path, const char *source,
			struct flags *ret_flags, struct hf_diag *diag);

void flags_release(struct flags *flags);
