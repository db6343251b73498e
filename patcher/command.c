#include "command.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <string.h>
#include <sys/wait.h>

#include "../lib/cleanup.h"

extern char **environ;

/* The signal that asked us to stop, 0: none. */
static volatile sig_atomic_t stop_signal;

static void stop_note(int number)
{
	stop_signal = number;
}

void command_stop_on_signals(void)
{
	static const int numbers[] = { SIGINT, SIGTERM, SIGHUP };
	/* Without SA_RESTART, so that waiting for the compiler ends. The
	 * compiler itself starts with the defaults: exec resets handlers. */
	const struct sigaction action = { .sa_handler = stop_note };

	for (size_t i = 0; i < sizeof(numbers) / sizeof(*numbers); i++)
		sigaction(numbers[i], &action, NULL);
}

static int stopped(struct hf_diag *diag)
{
	return hf_error(diag, -EINTR, "interrupted",
			"stopped by signal %d; nothing was written",
			(int)stop_signal);
}

int command_stopped(struct hf_diag *diag)
{
	return stop_signal ? stopped(diag) : 0;
}

static int start(const struct strings *arguments, int output, pid_t *ret_pid,
		 struct hf_diag *diag)
{
	posix_spawn_file_actions_t actions;
	int r = posix_spawn_file_actions_init(&actions);

	if (!r) {
		r = posix_spawn_file_actions_adddup2(&actions, output,
						     STDOUT_FILENO);
		if (!r)
			r = posix_spawnp(ret_pid, arguments->items[0], &actions,
					 NULL, arguments->items, environ);
		posix_spawn_file_actions_destroy(&actions);
	}
	if (!r)
		return 0;
	hf_fail(diag, -r, "cannot run %s", arguments->items[0]);
	if (r == ENOENT)
		hf_hint(diag, "install it, or name another compiler with CC=");
	return -r;
}

static int finish(pid_t pid, const struct strings *arguments,
		  struct hf_diag *diag)
{
	owned(free_p) char *line = NULL;
	int status;

	while (waitpid(pid, &status, 0) < 0) {
		if (errno != EINTR)
			return hf_fail(diag, -errno, "cannot wait for %s",
				       arguments->items[0]);
		if (stop_signal)
			kill(pid, SIGTERM);
	}
	if (stop_signal)
		return stopped(diag);
	if (WIFEXITED(status) && !WEXITSTATUS(status))
		return 0;
	line = strings_join(arguments);
	if (WIFSIGNALED(status))
		hf_error(diag, -EIO, "compiler-failed",
			 "%s was killed by signal %d", arguments->items[0],
			 WTERMSIG(status));
	else
		hf_error(diag, -EIO, "compiler-failed",
			 "%s failed, its messages are above",
			 arguments->items[0]);
	hf_detail(diag, "the command was: %s", line ?: "");
	return -EIO;
}

int command_run(const struct strings *arguments, struct hf_diag *diag)
{
	pid_t pid;
	int r = stop_signal ? stopped(diag) :
			      start(arguments, STDERR_FILENO, &pid, diag);

	return r ? r : finish(pid, arguments, diag);
}

int command_first_line(const struct strings *arguments, char **ret_line,
		       struct hf_diag *diag)
{
	owned(close_p) int reader = -1, writer = -1;
	char text[512], *end;
	size_t size = 0;
	ssize_t nr = 1;
	int pipe_ends[2], r;
	pid_t pid;

	if (pipe2(pipe_ends, O_CLOEXEC) < 0)
		return hf_fail(diag, -errno, "cannot run %s",
			       arguments->items[0]);
	reader = pipe_ends[0];
	writer = pipe_ends[1];
	r = start(arguments, writer, &pid, diag);
	if (r)
		return r;
	close(take_fd(&writer));
	while (nr > 0 && size < sizeof(text) - 1) {
		nr = read(reader, text + size, sizeof(text) - 1 - size);
		if (nr > 0)
			size += (size_t)nr;
	}
	close(take_fd(&reader));
	r = finish(pid, arguments, diag);
	if (r && !size)
		return r;
	text[size] = '\0';
	end = strchrnul(text, '\n');
	*ret_line = strndup(text, (size_t)(end - text));
	return *ret_line ? 0 : hf_fail(diag, -ENOMEM, "cannot read output");
}

static bool is_language(const char *variable)
{
	return !strncmp(variable, "LC_", 3) || !strncmp(variable, "LANG", 4) ||
	       !strncmp(variable, "POSIXLY_CORRECT", 15);
}

static int plain_environment(struct strings *environment)
{
	int r = strings_add(environment, "LC_ALL=C");

	for (char **variable = environ; *variable && !r; variable++)
		if (!is_language(*variable))
			r = strings_add(environment, *variable);
	return r;
}

static int start_captured(const struct strings *arguments, int output,
			  pid_t *ret_pid, struct hf_diag *diag)
{
	posix_spawn_file_actions_t actions;
	struct strings environment = { 0 };
	int r = plain_environment(&environment);

	if (r)
		return hf_fail(diag, r, "cannot run %s", arguments->items[0]);
	r = posix_spawn_file_actions_init(&actions);
	if (!r) {
		r = posix_spawn_file_actions_addopen(&actions, STDIN_FILENO,
						     "/dev/null", O_RDONLY, 0);
		r = r ?: posix_spawn_file_actions_adddup2(&actions, output,
							  STDOUT_FILENO);
		r = r ?: posix_spawn_file_actions_adddup2(&actions, output,
							  STDERR_FILENO);
		r = r ?: posix_spawnp(ret_pid, arguments->items[0], &actions,
				      NULL, arguments->items,
				      environment.items);
		posix_spawn_file_actions_destroy(&actions);
	}
	strings_release(&environment);
	if (!r)
		return 0;
	hf_fail(diag, -r, "cannot run %s", arguments->items[0]);
	if (r == ENOENT)
		hf_hint(diag, "install it: the package is called %s or %sutils",
			arguments->items[0], arguments->items[0]);
	return -r;
}

/* Everything until the other end is closed. */
static int read_all(int fd, struct buffer *ret_output)
{
	owned(free_p) char *text = NULL;
	size_t size = 0;
	FILE *memory = open_memstream(&text, &size);
	char piece[4096];
	ssize_t nr = 1;
	int r = 0;

	if (!memory)
		return -ENOMEM;
	while (nr > 0 || (nr < 0 && errno == EINTR && !stop_signal)) {
		nr = read(fd, piece, sizeof(piece));
		if (nr > 0)
			fwrite(piece, 1, (size_t)nr, memory);
	}
	if (nr < 0)
		r = -errno;
	if (fclose(memory) && !r)
		r = -ENOMEM;
	if (!r)
		*ret_output = (struct buffer){ (uint8_t *)take_ptr(text),
					       size };
	return r;
}

static int wait_captured(pid_t pid, const char *name, int *ret_status,
			 struct hf_diag *diag)
{
	int status;

	if (stop_signal)
		kill(pid, SIGTERM);
	while (waitpid(pid, &status, 0) < 0) {
		if (errno != EINTR)
			return hf_fail(diag, -errno, "cannot wait for %s",
				       name);
		if (stop_signal)
			kill(pid, SIGTERM);
	}
	if (stop_signal)
		return stopped(diag);
	if (!WIFEXITED(status))
		return hf_error(diag, -EIO, "command-failed",
				"%s was killed by signal %d", name,
				WTERMSIG(status));
	*ret_status = WEXITSTATUS(status);
	return 0;
}

int command_capture(const struct strings *arguments, int *ret_status,
		    struct buffer *ret_output, struct hf_diag *diag)
{
	owned(close_p) int reader = -1, writer = -1;
	struct buffer output = { 0 };
	int pipe_ends[2], status = 0, r, read_r;
	pid_t pid;

	if (stop_signal)
		return stopped(diag);
	if (pipe2(pipe_ends, O_CLOEXEC) < 0)
		return hf_fail(diag, -errno, "cannot run %s",
			       arguments->items[0]);
	reader = pipe_ends[0];
	writer = pipe_ends[1];
	r = start_captured(arguments, writer, &pid, diag);
	if (r)
		return r;
	close(take_fd(&writer));
	read_r = read_all(reader, &output);
	close(take_fd(&reader));
	r = wait_captured(pid, arguments->items[0], &status, diag);
	if (!r && read_r)
		r = hf_fail(diag, read_r, "cannot read from %s",
			    arguments->items[0]);
	if (r) {
		buffer_release(&output);
		return r;
	}
	*ret_status = status;
	*ret_output = output;
	return 0;
}
