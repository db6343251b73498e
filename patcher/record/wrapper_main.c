/*
 * hotfix-cc: stands in for compilers, linkers and gcc's link-time optimiser
 * while a build is recorded.
 *
 *	hotfix-cc PROGRAM ARGV0 ARGUMENT...	what hotfix-record.so starts
 *	hotfix-cc --record DIR COMMAND...	record a build, by hand
 *	hotfix-cc --continue OLD DIR COMMAND...	one that continues another
 *	hotfix-cc --list DIR			what was recorded, for people
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "program_name.h"
#include "recording.h"
#include "wrapper.h"

static int complain(const struct hf_diag *diag, int error)
{
	fprintf(stderr, "hotfix-cc: error: %s\n", diag->message);
	if (*diag->hint)
		fprintf(stderr, "  hint: %s\n", diag->hint);
	return (int)diag_exit_status(error);
}

static int record(const char *earlier, const char *directory, char **command)
{
	struct strings environment = { 0 }, words = { 0 }, watched = { 0 };
	struct hf_diag diag = { 0 };
	int r = recording_environment(directory, NULL, NULL, NULL, &environment,
				      &diag);

	if (!r && earlier)
		r = recording_continue(directory, earlier, &diag);
	while (!r && *command)
		r = strings_add(&words, *command++);
	if (!r)
		r = recording_command(&words, &watched);
	if (r < 0)
		return complain(&diag, r);
	for (size_t i = 0; i < environment.nr; i++)
		putenv(environment.items[i]);
	execvp(watched.items[0], watched.items);
	perror(watched.items[0]);
	return 127;
}

static void print_link(const struct link_step *link)
{
	printf("link %s\n", link->output);
	for (size_t i = 0; i < link->nr_inputs; i++) {
		const struct link_input *input = &link->inputs[i];

		printf("  %.12s %s <- %s%s%s\n", input->digest, input->name,
		       input->compile ? input->compile->source : "?",
		       input->compile && input->compile->lto ? " (lto)" : "",
		       input->optimised ? " (optimised)" : "");
	}
	for (size_t i = 0; i < link->optimised.nr; i++)
		printf("optimised %s %s\n", link->output,
		       link->optimised.items[i]);
}

static int list(const char *directory)
{
	struct recording recording;
	struct hf_diag diag = { 0 };
	int r = recording_read(directory, &recording, &diag);

	if (r < 0)
		return complain(&diag, r);
	for (size_t i = 0; i < recording.nr_compiles; i++)
		printf("compile %s -> %s%s\n", recording.compiles[i].source,
		       recording.compiles[i].output,
		       recording.compiles[i].lto ? " (lto)" : "");
	for (size_t i = 0; i < recording.nr_links; i++)
		print_link(&recording.links[i]);
	for (size_t i = 0; i < recording.failures.nr; i++)
		printf("failure %s\n", recording.failures.items[i]);
	recording_release(&recording);
	return 0;
}

/* hotfix-record.so has put LD_PRELOAD aside for us, see there. */
static void restore_preload(void)
{
	const char *value = getenv("HOTFIX_RECORD_PRELOAD");

	if (value)
		setenv("LD_PRELOAD", value, 1);
	unsetenv("HOTFIX_RECORD_PRELOAD");
}

static int wrap(char **argv)
{
	struct wrapper wrapper = {
		.directory = getenv("HOTFIX_RECORD_DIR"),
		.program = argv[1],
		.arguments = argv + 2,
	};
	static const struct {
		const char *name;
		int (*run)(const struct wrapper *wrapper);
	} kinds[] = {
		[PROGRAM_OTHER] = { "compiler", wrapper_compile },
		[PROGRAM_COMPILER] = { "compiler", wrapper_compile },
		[PROGRAM_LINKER] = { "linker", wrapper_link },
		[PROGRAM_OPTIMISER] = { "optimiser", wrapper_optimise },
	};
	enum program_kind kind = program_kind(argv[1]);

	restore_preload();
	setenv("HOTFIX_RECORD_ACTIVE", kinds[kind].name, 1);
	if (!wrapper.directory)
		return wrapper_exec(&wrapper, wrapper.arguments);
	return kinds[kind].run(&wrapper);
}

int main(int argc, char **argv)
{
	if (argc >= 4 && !strcmp(argv[1], "--record"))
		return record(NULL, argv[2], argv + 3);
	if (argc >= 5 && !strcmp(argv[1], "--continue"))
		return record(argv[2], argv[3], argv + 4);
	if (argc == 3 && !strcmp(argv[1], "--list"))
		return list(argv[2]);
	if (argc >= 3 && argv[1][0] != '-')
		return wrap(argv);
	fprintf(stderr, "usage: hotfix-cc --record DIR COMMAND...\n"
			"       hotfix-cc --continue OLD DIR COMMAND...\n"
			"       hotfix-cc --list DIR\n");
	return HF_EXIT_USAGE;
}
