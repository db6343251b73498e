/*
 * hotfix: patch functions of running processes.
 *
 * Finds the command and its options; everything else is in cmd_*.c. While a
 * process is being changed no signal ends us half-way: those that an operator
 * sends wait until it is done.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "../lib/text.h"
#include "batch.h"
#include "cmd.h"
#include "privileges.h"
#include "stall.h"

static const struct command *const commands[] = {
	&command_apply, &command_revert, &command_status,
	&command_confirm, &command_check, &command_show, &command_recover,
	&command_log,	&command_keep,	 &command_unkeep, &command_watch,
	&command_report,
};

static void help_print(FILE *file)
{
	fputs("usage: hotfix COMMAND [options] [arguments]\n\n"
	      "Replace functions of running processes, and take it back.\n\n"
	      "Commands:\n",
	      file);
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
		fprintf(file, "  %-9s %s\n", commands[i]->name,
			commands[i]->summary);
	fputs("\n`hotfix COMMAND --help` explains one of them; hotfix(1) all.\n"
	      "Patches are built by hotfix-build(1).\n\n"
	      "Example:\n"
	      "  hotfix apply fix-charge.hotfix.so -p 4711\n"
	      "  hotfix status\n"
	      "  hotfix revert fix-charge -p 4711\n",
	      file);
}

static const struct command *command_find(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
		if (!strcmp(commands[i]->name, name))
			return commands[i];
	return NULL;
}

/* Help went out whole, or the exit status says that it did not. */
static enum hf_exit help_finish(void)
{
	if (!fflush(stdout) && !ferror(stdout))
		return HF_EXIT_DONE;
	perror("hotfix: error: cannot write to standard output");
	return HF_EXIT_FAILED;
}

struct running {
	const struct command *command;
	struct output *output;
};

/* The thread that works stands in the kernel: what is here is in no use. */
static int stalled(void *context, pid_t pid, struct hf_diag *diag)
{
	const struct running *running = context;
	enum hf_exit status = HF_EXIT_FAILED;

	if (running->command->changes_processes) {
		status = HF_EXIT_INTERRUPTED;
		hf_hint(diag, "then undo what was begun: hotfix recover -p %d",
			(int)pid);
	}
	return (int)output_close(
		running->output,
		output_failure(running->output, diag, status));
}

static enum hf_exit command_run(const struct command *command, int argc,
				char **argv)
{
	struct command_line line;
	struct hf_diag diag = { 0 };
	struct output output;
	struct running running = { command, &output };
	enum hf_exit status;
	int r;

	output_open(&output, command->name, command->list,
		    command_line_wants_json(argc, argv));
	r = command_line_parse(command, argc, argv, &line, &diag);
	if (r) {
		status = output_failure(&output, &diag,
					r == -EINVAL ? HF_EXIT_USAGE
						     : HF_EXIT_FAILED);
		return output_close(&output, status);
	}
	if (line.help) {
		json_decref(output.root);
		command_help(command, stdout);
		status = help_finish();
	} else {
		stall_on_end(stalled, &running);
		if (command->changes_processes) {
			signals_block();
			line.operation.give_up = signal_is_waiting;
		}
		status = output_close(&output, command->run(&line, &output));
	}
	command_line_release(&line);
	return status;
}

static enum hf_exit usage_refuse(int argc, char **argv)
{
	const char *word = argc > 1 ? argv[1] : NULL;
	struct hf_diag diag = { 0 };
	struct output output;

	output_open(&output, "", "results",
		    command_line_wants_json(argc, argv));
	if (!word)
		hf_error(&diag, -EINVAL, "usage", "no command is named");
	else
		hf_error(&diag, -EINVAL, "usage",
			 "\"%s\" is no command of hotfix", word);
	hf_hint(&diag, "hotfix --help lists them");
	return output_close(&output,
			    output_failure(&output, &diag, HF_EXIT_USAGE));
}

/*
 * Were one of the three closed, the next file opened would take its place, and
 * what is printed would go there: perhaps into the memory of a process. A
 * directory that is read only takes nothing, and says so.
 */
static void outputs_occupy(void)
{
	int fd;

	do
		fd = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd >= 0)
		close(fd);
}

int main(int argc, char **argv)
{
	const char *word = argc > 1 ? argv[1] : "";
	const struct command *command = command_find(word);

	outputs_occupy();
	privileges_reduce(command && command->listens);
	text_ask_locale();
	/* An output that takes no more is an error, and not our end. */
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN);
	if (command)
		return command_run(command, argc - 1, argv + 1);
	if (!strcmp(word, "--help") || !strcmp(word, "-h")) {
		help_print(stdout);
		return help_finish();
	}
	if (!strcmp(word, "--version")) {
		puts("hotfix " HOTFIX_VERSION);
		return help_finish();
	}
	return usage_refuse(argc, argv);
}
