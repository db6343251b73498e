#include "git_ask.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "clock.h"

#define ANSWER_MAX (4u << 20)
#define GIT_TIME_MS 30000
#define WORDS_MAX 24

void git_answer_release(struct git_answer *answer)
{
	free(answer->text);
	*answer = (struct git_answer){ 0 };
}

static void child_run(const char *directory, const char *const *words, int to)
{
	const char *all[WORDS_MAX + 16] = {
		"git", "--no-pager", "--no-optional-locks",
		"--literal-pathspecs", "-c", "core.fsmonitor=false", "-c",
		"core.hooksPath=/dev/null", "-c", "log.showSignature=false",
		"-C", directory,
	};
	size_t nr = 12;
	sigset_t none;
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC);

	while (*words)
		all[nr++] = *words++;
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
	unsetenv("GIT_DIR");
	unsetenv("GIT_WORK_TREE");
	unsetenv("GIT_EXTERNAL_DIFF");
	setenv("LC_ALL", "C.UTF-8", true);
	setenv("GIT_TERMINAL_PROMPT", "0", true);
	/* A partial clone would fetch what it lacks. */
	setenv("GIT_NO_LAZY_FETCH", "1", true);
	if (null < 0 || dup2(null, STDIN_FILENO) < 0 ||
	    dup2(to, STDOUT_FILENO) < 0 || dup2(to, STDERR_FILENO) < 0)
		_exit(126);
	execvp("git", (char *const *)all);
	_exit(127);
}

/* Return: 0; -ETIMEDOUT; -EFBIG; -ENOMEM; -errno. */
static int answer_read(int from, struct git_answer *answer)
{
	uint64_t deadline = monotonic_ns() + GIT_TIME_MS * NS_PER_MS;
	struct pollfd ready = { .fd = from, .events = POLLIN };
	ssize_t size;

	answer->text = malloc(ANSWER_MAX + 1);
	if (!answer->text)
		return -ENOMEM;
	for (;;) {
		uint64_t now = monotonic_ns();

		if (now >= deadline ||
		    !poll(&ready, 1, (int)((deadline - now) / NS_PER_MS) + 1))
			return -ETIMEDOUT;
		size = read(from, answer->text + answer->size,
			    ANSWER_MAX - answer->size);
		if (size < 0 && errno == EINTR)
			continue;
		if (size < 0)
			return -errno;
		answer->size += (size_t)size;
		answer->text[answer->size] = '\0';
		if (!size)
			return 0;
		if (answer->size == ANSWER_MAX)
			return -EFBIG;
	}
}

int git_ask(const char *directory, const char *const *words,
	    struct git_answer *ret_answer, struct hf_diag *diag)
{
	int ends[2], status = 0, r;
	pid_t pid;

	*ret_answer = (struct git_answer){ 0 };
	if (pipe2(ends, O_CLOEXEC))
		return hf_fail(diag, -errno, "cannot run git");
	pid = fork();
	if (!pid)
		child_run(directory, words, ends[1]);
	close(ends[1]);
	r = pid < 0 ? -errno : answer_read(ends[0], ret_answer);
	close(ends[0]);
	if (pid > 0 && r)
		kill(pid, SIGKILL);
	while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (r)
		return hf_fail(diag, r, "cannot ask git about %s", directory);
	ret_answer->status = WIFEXITED(status) ? WEXITSTATUS(status) : 128;
	if (ret_answer->status != 127)
		return 0;
	hf_error(diag, -ENOENT, "no-git", "there is no git on this host");
	hf_hint(diag, "install it, or leave --git out");
	return -ENOENT;
}
