/*
 * A program to be patched, driven by lines on its standard input.
 *
 * Each line is a command with arguments; each is answered by exactly one line
 * on standard output, so that a test never has to guess when something has
 * happened. "ready" comes first; "quit" or the end of input ends the program.
 */
#pragma once

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

/* A function that the compiler neither copies nor bends to its callers. */
#ifdef __clang__
#define PATCHABLE __attribute__((noinline))
#else
#define PATCHABLE __attribute__((noipa))
#endif

struct command {
	const char *name;
	void (*run)(int nr, char **args); /* args[0] is the command */
};

static void answer(const char *format, ...)
	__attribute__((format(printf, 1, 2)));

/* One write: several processes may share the pipe. */
static void answer(const char *format, ...)
{
	char line[512];
	va_list args;
	int size;

	va_start(args, format);
	size = vsnprintf(line, sizeof(line) - 1, format, args);
	va_end(args);
	if (size < 0 || size > (int)sizeof(line) - 2)
		size = sizeof(line) - 2;
	line[size++] = '\n';
	if (write(STDOUT_FILENO, line, (size_t)size) != size)
		_exit(3);
}

static inline int number(int nr, char **args, int index)
{
	return index < nr ? atoi(args[index]) : 0;
}

static void command_run(const struct command *commands, char *line)
{
	char *args[16], *rest = NULL;
	int nr = 0;

	for (char *word = strtok_r(line, " \n", &rest); word && nr < 16;
	     word = strtok_r(NULL, " \n", &rest))
		args[nr++] = word;
	if (!nr)
		return;
	if (!strcmp(args[0], "quit"))
		exit(0);
	for (const struct command *command = commands; command->name;
	     command++) {
		if (!strcmp(command->name, args[0])) {
			command->run(nr, args);
			return;
		}
	}
	answer("no command %s", args[0]);
}

/* Reads a byte at a time, so that no input is lost over fork and exec. */
static int line_read(char *line, size_t room)
{
	size_t size = 0;
	ssize_t got;

	while (size + 1 < room) {
		got = read(STDIN_FILENO, line + size, 1);
		if (got < 0) {
			answer("read: %s", strerror(errno));
			continue;
		}
		if (got == 0)
			return 0;
		if (line[size++] == '\n')
			break;
	}
	line[size] = '\0';
	return 1;
}

static void target_serve(const struct command *commands)
{
	char line[512];

	while (line_read(line, sizeof(line)))
		command_run(commands, line);
}

static inline int target_main(const struct command *commands)
{
	/* The test's death is ours. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	answer("ready");
	target_serve(commands);
	return 0;
}
