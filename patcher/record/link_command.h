/*
 * What a call of ld, gold, lld or mold asks for, and what it prints about the
 * files that it reads.
 */
#pragma once

#include <stdbool.h>

#include "../array.h"

struct link_command {
	struct strings arguments; /* without argv[0]; response files read */
	struct strings files;	  /* what could be an input */
	const char *output;
	bool links;	  /* false: --version, no input, a probe */
	bool relocatable; /* -r */
	/* It prints on its own what a trace would be mixed with. */
	bool talkative;
};

/* @arguments: without argv[0], NULL behind. Return: 0; -ENOMEM. */
int link_command_parse(char *const *arguments,
		       struct link_command *ret_command);
void link_command_release(struct link_command *command);

/**
 * link_trace_line() - take a line of `ld -t -t` apart
 * @ret_file:	owned by the caller; the file, or the archive
 * @ret_member: owned by the caller; NULL: not of an archive
 *
 *	src/a.o			all of them
 *	(lib/libx.a)b.o		GNU ld
 *	lib/libx.a(b.o)		gold, lld
 *	trace: lib/libx.a(b.o)	mold
 *
 * A file that does not exist is no trace: somebody else printed that line.
 *
 * Return: 1; 0 when the line is something else; -ENOMEM.
 */
int link_trace_line(const char *line, char **ret_file, char **ret_member);
