#include "guard.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../lib/digest.h"
#include "../lib/io.h"
#include "clock.h"
#include "pending.h"
#include "process.h"
#include "stall.h"
#include "state_dir.h"
#include "takeback.h"

/* To a busy function, again and again: there is nobody to ask. */
#define NR_TRIES 5
#define TRY_WAIT_MS 30000
#define LOOK_GAP_NS (200 * NS_PER_MS)

enum word {
	WORD_DISMISS = 'd',
	WORD_ARM = 'a',
	WORD_READY = 'r', /* the other way: it is, or has written the file */
};

struct guard {
	int words; /* to it and from it */
};

/* What the guard process knows. */
struct watch {
	int words;
	const struct guard_request *request;
	struct pending pending;
	int64_t from_ns, until_ns; /* CLOCK_REALTIME: when it was applied */
	const char *because;
};

static int64_t now_ns(void)
{
	return (int64_t)clock_ns(CLOCK_REALTIME);
}

/* --- taking back --------------------------------------------------------------- */

/* In those where it still is. */
static enum hf_exit take_back(const struct watch *watch)
{
	const struct operation_options options = { .mode = SWITCH_QUIESCENT,
						   .wait_ms = TRY_WAIT_MS };
	const struct takeback takeback = {
		.name = watch->pending.name,
		.from_ns = watch->from_ns,
		.until_ns = watch->until_ns,
		.options = &options,
	};
	struct output output;
	struct pids pids = { 0 };
	enum hf_exit status = HF_EXIT_DONE;

	for (size_t i = 0; i < watch->request->pids->nr; i++)
		if (takeback_concerns(&takeback,
				      watch->request->pids->entries[i]))
			(void)pids_add(&pids, watch->request->pids->entries[i],
				       NULL);
	output_open(&output, "revert", "results", true);
	if (pids.nr)
		status = takeback_run(&takeback, &pids, watch->because,
				      "results", &output);
	pids_release(&pids);
	return output_close(&output, status);
}

static enum hf_exit take_back_all(const struct watch *watch)
{
	enum hf_exit status = HF_EXIT_FAILED;

	for (int i = 0; status && i < NR_TRIES; i++)
		status = take_back(watch);
	return status;
}

/* --- the guard's life ------------------------------------------------------------- */

static bool word_tell(int words, char word)
{
	return send(words, &word, 1, MSG_NOSIGNAL) == 1;
}

/* 0: whoever was to tell is no more. */
static char word_hear(int words)
{
	char word = 0;

	while (recv(words, &word, 1, 0) < 0 && errno == EINTR)
		;
	return word;
}

/* Return: whether it was confirmed in time. */
static bool confirmed(struct watch *watch, uint64_t until_boot_ns)
{
	struct pending *pending = &watch->pending;

	while (clock_ns(CLOCK_BOOTTIME) < until_boot_ns) {
		if (!pending_is_there(pending))
			return true;
		sleep_ns(LOOK_GAP_NS);
	}
	/* A disk that takes no change does not keep it from being done. */
	return pending_change(pending, PENDING_REVERTING) == -ENOENT;
}

static void wait_confirmation(struct watch *watch)
{
	struct pending *pending = &watch->pending;
	uint64_t within_ns = watch->request->confirm_within_ns;
	uint64_t until_boot_ns = clock_ns(CLOCK_BOOTTIME) + within_ns;

	pending->deadline_ns = now_ns() + (int64_t)within_ns;
	watch->because = "it was not confirmed in time";
	if (pending_write(pending, NULL)) {
		/* Not seen to be told: what waits would wait in secret. */
		watch->because = "the guard cannot write what it waits for";
		(void)take_back_all(watch);
		return;
	}
	(void)word_tell(watch->words, WORD_READY);
	(void)send(watch->words, &pending->deadline_ns,
		   sizeof(pending->deadline_ns), MSG_NOSIGNAL);
	if (confirmed(watch, until_boot_ns))
		return;
	if (take_back_all(watch))
		(void)pending_change(pending, PENDING_FAILED);
	else
		(void)pending_remove(pending);
}

static void watch_over(struct watch *watch)
{
	char word;

	(void)word_tell(watch->words, WORD_READY);
	word = word_hear(watch->words);
	watch->until_ns = now_ns();
	if (word == WORD_ARM) {
		wait_confirmation(watch);
	} else if (word != WORD_DISMISS) {
		watch->because = "hotfix has died before it was done";
		(void)take_back_all(watch);
	}
}

/* --- how it becomes one -------------------------------------------------------- */

/* Nothing that a terminal, a shell or a pipe waits for stays open. */
static void let_go(int words)
{
	int nothing = open("/dev/null", O_RDWR);

	for (int fd = STDIN_FILENO; nothing >= 0 && fd <= STDERR_FILENO; fd++)
		(void)dup2(nothing, fd);
	if (words != STDERR_FILENO + 1)
		(void)dup2(words, STDERR_FILENO + 1);
	(void)close_range(STDERR_FILENO + 2, ~0u, 0);
	(void)!chdir("/");
}

static void signals_reset(void)
{
	sigset_t none;

	sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGHUP, SIG_IGN);
	signal(SIGINT, SIG_IGN);
}

static void identify(struct pending *pending)
{
	struct process_stat stat = { 0 };

	pending->guard = getpid();
	if (!process_stat_read(AT_FDCWD, "/proc/self/stat", &stat))
		pending->guard_start = stat.start_time;
}

static _Noreturn void guard_run(struct watch *watch)
{
	let_go(watch->words);
	watch->words = STDERR_FILENO + 1;
	signals_reset();
	stall_on_end(NULL, NULL);
	(void)prctl(PR_SET_NAME, "hotfix-guard");
	identify(&watch->pending);
	watch_over(watch);
	_exit(0);
}

/* In the child: leaves the session, and its parent. */
static _Noreturn void guard_leave(struct watch *watch)
{
	pid_t pid;

	setsid();
	pid = fork();
	if (pid == 0)
		guard_run(watch);
	_exit(pid < 0 ? errno : 0);
}

static int guard_fork(struct watch *watch, int ours)
{
	pid_t child = fork();
	int status = 0;

	if (child < 0)
		return -errno;
	if (child == 0) {
		close(ours);
		guard_leave(watch);
	}
	while (waitpid(child, &status, 0) < 0 && errno == EINTR)
		;
	if (!WIFEXITED(status) || WEXITSTATUS(status))
		return -EAGAIN;
	return 0;
}

static int pending_begin(const struct guard_request *request,
			 struct pending *pending, struct hf_diag *diag)
{
	snprintf(pending->name, sizeof(pending->name), "%s",
		 request->patch->manifest->name);
	hex_encode(request->patch->digest, SHA256_SIZE, pending->digest);
	for (size_t i = 0; i < request->pids->nr; i++)
		if (pids_add(&pending->pids, request->pids->entries[i], diag))
			return -ENOMEM;
	return 0;
}

/* Whether what waits can be written down is known before anything is done. */
static int place_check(struct pending *pending, struct hf_diag *diag)
{
	int r;

	identify(pending);
	r = pending_write(pending, diag);
	if (r == 0)
		(void)pending_remove(pending);
	else
		hf_hint(diag, "nothing was changed; what is to be confirmed has "
			      "to be written there");
	return r;
}

/* Where the state is has to be known from any directory. */
static void state_fix(void)
{
	char path[PATH_MAX], whole[PATH_MAX];

	if (!state_path(".", path, NULL) && realpath(path, whole))
		(void)setenv("HOTFIX_STATE_DIR", whole, true);
}

static int guard_start(struct watch *watch, struct guard **ret_guard,
		       struct hf_diag *diag)
{
	struct guard *guard = calloc(1, sizeof(*guard));
	int ends[2], r;

	if (!guard || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends)) {
		free(guard);
		return hf_fail(diag, -ENOMEM, "cannot start the guard");
	}
	watch->words = ends[1];
	watch->from_ns = now_ns();
	r = guard_fork(watch, ends[0]);
	close(ends[1]);
	guard->words = ends[0];
	if (r == 0 && word_hear(guard->words) != WORD_READY)
		r = -EIO;
	if (r) {
		guard_dismiss(guard);
		return hf_fail(diag, r, "cannot start the guard");
	}
	*ret_guard = guard;
	return 0;
}

int guard_begin(const struct guard_request *request, struct guard **ret_guard,
		struct hf_diag *diag)
{
	struct watch watch = { .request = request };
	int r = pending_begin(request, &watch.pending, diag);

	if (r == 0 && request->confirm_within_ns)
		r = place_check(&watch.pending, diag);
	if (r == 0) {
		state_fix();
		r = guard_start(&watch, ret_guard, diag);
	}
	pending_release(&watch.pending);
	return r;
}

void guard_dismiss(struct guard *guard)
{
	if (!guard)
		return;
	(void)word_tell(guard->words, WORD_DISMISS);
	close(guard->words);
	free(guard);
}

int guard_arm(struct guard *guard, int64_t *ret_deadline_ns,
	      struct hf_diag *diag)
{
	int r = 0;

	if (!word_tell(guard->words, WORD_ARM) ||
	    word_hear(guard->words) != WORD_READY ||
	    read_full(guard->words, ret_deadline_ns, sizeof(*ret_deadline_ns))) {
		hf_error(diag, -EIO, "guard-lost",
			 "the guard has died, or could not write down what it "
			 "waits for, and has taken everything back");
		hf_hint(diag, "`hotfix status` says what is applied: what is "
			      "still there stays until it is reverted");
		r = -EIO;
	}
	close(guard->words);
	free(guard);
	return r;
}
