/*
 * hotfix-cc: runs one compiler, linker or link-time optimiser of a recorded
 * build, and notes what it did.
 *
 * The build comes first: exit status, signals, output and messages are those of
 * the real program. Where recording fails, the program runs as it was called,
 * and the failure goes into the recording.
 */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "../../lib/diag.h"
#include "../array.h"
#include "compile_command.h"

struct generated_origin;

struct wrapper {
	const char *directory; /* of the recording */
	const char *program;   /* the real one */
	char **arguments;      /* argv[0] and the rest, as the build gave them */
};

/* --- wrapper_run.c --------------------------------------------------------- */

/* Becomes the program. Returns an exit status when that is impossible. */
int wrapper_exec(const struct wrapper *wrapper, char *const *arguments);

/**
 * wrapper_start() - start the program
 * @output: its standard output; -1: ours
 *
 * Signals that would end us are passed on to it from here on.
 *
 * Return: 0; -errno.
 */
int wrapper_start(const struct wrapper *wrapper, char *const *arguments,
		  int output, pid_t *ret_pid);

/* Waits. Return: the status of waitpid(2). */
int wrapper_wait(pid_t pid);

/* Ends this process as the program ended, by its signal if it was one. Return:
   its exit status. */
int wrapper_end(int status);

/* argv[0] and @arguments. Return: 0; -ENOMEM. */
int wrapper_command(const struct wrapper *wrapper,
		    const struct strings *arguments,
		    struct strings *ret_command);

/* --- wrapper_includes.c ---------------------------------------------------- */

/**
 * wrapper_moved_includes() - generated files that a compilation reads and whose
 * lines have moved against the original build
 * @files: real paths are added
 *
 * Return: 0; -ENOMEM; -errno.
 */
int wrapper_moved_includes(const struct wrapper *wrapper,
			   const struct compile_command *command,
			   const struct generated_origin *origin,
			   struct strings *files);

/* --- wrapper_compile.c, wrapper_link.c, wrapper_optimise.c ------------------- */

/* All return the exit status. */
int wrapper_compile(const struct wrapper *wrapper);
int wrapper_link(const struct wrapper *wrapper);
int wrapper_optimise(const struct wrapper *wrapper);
