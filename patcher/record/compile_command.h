/*
 * What a call of a compiler driver asks for: compile, link, both, or something
 * that is none of our business.
 */
#pragma once

#include <stdbool.h>

#include "../array.h"

enum command_mode {
	COMMAND_AS_IS,	 /* -E, -S, --version, probes: nothing is added */
	COMMAND_COMPILE, /* -c */
	COMMAND_LINK,	 /* a program or library, perhaps from sources */
};

enum language {
	LANGUAGE_OBJECT, /* for the linker */
	LANGUAGE_C,	 /* or C++, Objective C: the flags of C make sense */
	LANGUAGE_HEADER, /* to be precompiled */
	LANGUAGE_ASSEMBLER,
	LANGUAGE_ASSEMBLER_CPP, /* .S: through the preprocessor */
};

struct command_input {
	char *name; /* as it was given; points into `arguments` */
	enum language language;
};

struct compile_command {
	enum command_mode mode;
	struct strings arguments; /* without argv[0]; response files read */
	struct command_input *inputs;
	size_t nr_inputs;
	const char *output; /* NULL: the default */
	bool split_dwarf;
};

/**
 * compile_command_parse() - read the arguments as gcc and clang do
 * @arguments: without argv[0], NULL behind
 *
 * Return: 0; -ENOMEM.
 */
int compile_command_parse(char *const *arguments,
			  struct compile_command *ret_command);
void compile_command_release(struct compile_command *command);

/*
 * Whether a source or result is one with which a configure script tries out
 * what a compiler can do: none of that becomes part of anything.
 */
bool command_file_is_probe(const char *path);

/* Whether an input is a source file, which makes an object. */
bool command_input_is_source(const struct command_input *input);

/* Where the object of a source goes (-c), owned by the caller; NULL: ENOMEM. */
char *compile_command_output(const struct compile_command *command,
			     const struct command_input *source);

/**
 * compile_command_amend() - the arguments to run it with
 * @original:	as they were given, response files and all
 * @prefix_map: for -ffile-prefix-map, or NULL
 * @epoch:	seconds that are the time of compilation, for a compiler that
 *		takes it from nowhere but the clock; or NULL
 *
 * Every source gets a section for each function and variable, and debug
 * information, of types that nothing but "sizeof" uses as well. Hand-written
 * assembly is left alone.
 *
 * Return: 0; -ENOMEM.
 */
int compile_command_amend(const struct compile_command *command,
			  char *const *original, const char *prefix_map,
			  const char *epoch, struct strings *ret_arguments);
