/*
 * Starts tests/targets/modules and its variants: a process that has told where
 * its own loader found things, and then waits for the end of its input.
 */
#pragma once

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../agent/module.h"

#define NR_ANSWERS_MAX 32

struct answer {
	char name[64];
	hf_addr address;
};

struct program {
	pid_t pid;
	int input; /* closing it ends the program */
	struct answer answers[NR_ANSWERS_MAX];
	size_t nr;
	struct process *process;
	struct mappings mappings;
	struct modules modules;
};

static inline const char *target_path(const char *name)
{
	static char path[4096];
	const char *top = getenv("HOTFIX_O");

	snprintf(path, sizeof(path), "%s/tests/targets/%s",
		 top ? top : "build", name);
	return path;
}

static void program_exec(const char *name, int input[2], int output[2])
{
	const char *path = target_path(name);

	dup2(input[0], STDIN_FILENO);
	dup2(output[1], STDOUT_FILENO);
	close(input[1]);
	close(output[0]);
	execl(path, path, "an argument", (char *)NULL);
	_exit(127);
}

static bool answers_read(struct program *program, FILE *output)
{
	char line[256];

	while (fgets(line, sizeof(line), output)) {
		struct answer *answer = &program->answers[program->nr];
		unsigned long long address;

		if (!strcmp(line, "ready\n"))
			return true;
		if (program->nr < NR_ANSWERS_MAX &&
		    sscanf(line, "%63s %llx", answer->name, &address) == 2) {
			answer->address = address;
			program->nr++;
		}
	}
	return false;
}

static void program_stop(struct program *program)
{
	close(program->input);
	if (program->process)
		process_free(program->process);
	mappings_release(&program->mappings);
	modules_release(&program->modules);
	waitpid(program->pid, NULL, 0);
}

static bool program_start(struct program *program, const char *name)
{
	owned(fclose_p) FILE *answers = NULL;
	int input[2], output[2];

	*program = (struct program){ 0 };
	if (pipe2(input, O_CLOEXEC) || pipe2(output, O_CLOEXEC))
		return false;
	program->pid = fork();
	if (program->pid == 0)
		program_exec(name, input, output);
	close(input[0]);
	close(output[1]);
	program->input = input[1];
	answers = fdopen(output[0], "r");
	if (answers && answers_read(program, answers) &&
	    !process_open(program->pid, &program->process, NULL) &&
	    !mappings_read(program->process, &program->mappings, NULL) &&
	    !modules_read(program->process, &program->mappings,
			  &program->modules, NULL))
		return true;
	program_stop(program);
	return false;
}

static hf_addr answer_of(const struct program *program, const char *name)
{
	for (size_t i = 0; i < program->nr; i++)
		if (!strcmp(program->answers[i].name, name))
			return program->answers[i].address;
	return 0;
}
