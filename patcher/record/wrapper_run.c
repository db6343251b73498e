/*
 * Running the real program, so that nobody can tell that we stand between:
 * signals go through in both directions, its end is ours.
 */
#include "wrapper.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

/* What a shell says for a program that cannot be started. */
enum { EXIT_NOT_STARTED = 126, EXIT_NOT_FOUND = 127 };

static volatile sig_atomic_t running;

int wrapper_exec(const struct wrapper *wrapper, char *const *arguments)
{
	/* execvp() also runs scripts without an interpreter line. The name has
	   a slash, or stands in the working directory. */
	execvp(wrapper->program, arguments);
	fprintf(stderr, "%s: %s\n", wrapper->program, strerror(errno));
	return errno == ENOENT ? EXIT_NOT_FOUND : EXIT_NOT_STARTED;
}

static void pass_on(int number)
{
	if (running > 0)
		kill((pid_t)running, number);
}

/* Ignored signals stay ignored, here and in the program. */
static void pass_signals_on(void)
{
	static const int numbers[] = { SIGHUP, SIGINT, SIGQUIT, SIGTERM };
	const struct sigaction action = { .sa_handler = pass_on,
					  .sa_flags = SA_RESTART };

	for (size_t i = 0; i < sizeof(numbers) / sizeof(*numbers); i++) {
		struct sigaction old;

		if (!sigaction(numbers[i], NULL, &old) &&
		    old.sa_handler != SIG_IGN)
			sigaction(numbers[i], &action, NULL);
	}
}

int wrapper_start(const struct wrapper *wrapper, char *const *arguments,
		  int output, pid_t *ret_pid)
{
	pid_t parent = getpid(), pid;

	fflush(NULL);
	pid = fork();
	if (pid < 0)
		return -errno;
	if (!pid) {
		/* Who kills the wrapper means the compiler. */
		prctl(PR_SET_PDEATHSIG, SIGTERM);
		if (getppid() != parent)
			_exit(EXIT_NOT_STARTED);
		if (output >= 0)
			dup2(output, STDOUT_FILENO);
		_exit(wrapper_exec(wrapper, arguments));
	}
	running = pid;
	pass_signals_on();
	*ret_pid = pid;
	return 0;
}

int wrapper_wait(pid_t pid)
{
	int status = 0;

	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	running = 0;
	return status;
}

int wrapper_end(int status)
{
	if (WIFSIGNALED(status)) {
		signal(WTERMSIG(status), SIG_DFL);
		raise(WTERMSIG(status));
		return 128 + WTERMSIG(status);
	}
	return WEXITSTATUS(status);
}

int wrapper_command(const struct wrapper *wrapper,
		    const struct strings *arguments,
		    struct strings *ret_command)
{
	struct strings command = { 0 };
	int r = strings_add(&command, wrapper->arguments[0]);

	if (!r)
		r = strings_add_all(&command, arguments);
	if (r < 0)
		strings_release(&command);
	else
		*ret_command = command;
	return r;
}
