/*
 * The target changes while the agent stands before or behind a system call, at
 * one after the other; then the agent goes on. It must end by itself and soon,
 * with words for whatever it could not do; and the target, if it still lives,
 * must be unharmed and as that exit status says.
 *
 *   MOMENT_STRIDE=1          every call, as in a full run; otherwise some,
 *                            others each run
 *   MOMENT_FROM, MOMENT_TO   only these calls
 *   MOMENT_TELL=1            what the agent says each time
 */
#include "victim.h"

#define CHANGE_BEGINS_MS 50

enum fate { LIVES, ENDS, BECOMES_ANOTHER };

struct change {
	const char *name;
	const char *argument; /* to the target's start */
	const char *before;   /* said to the target, before anything */
	const char *word;     /* said to the target at the moment */
	int signal;	      /* sent to it at the moment */
	int second_signal;    /* and right after it */
	int last_signal;      /* when the agent has ended */
	const char *first;    /* said before the agent begins */
	const char *last;     /* said when the agent has ended */
	enum fate fate;
	int end;	     /* of ENDS: the signal, or 0: it exits */
	unsigned int stride; /* of a full run; 0: 1 */
};

static struct stage stage;

/* --- the change ------------------------------------------------------------ */

static void say(const char *word)
{
	char text[600];
	int size = snprintf(text, sizeof(text), "%s%s\n", word,
			    strstr(word, "exec") ?
				    child_target_path("killed_target") :
				    "");

	if (write(stage.target.in, text, (size_t)size) != size)
		printf("# the target does not listen\n");
}

static bool has_answered(int timeout_ms)
{
	struct pollfd fd = { .fd = stage.target.out, .events = POLLIN };

	return poll(&fd, 1, timeout_ms) == 1;
}

static const char *answer_read(void)
{
	static char line[256];

	if (!has_answered(CHILD_PATIENCE_MS))
		return "(it says nothing)";
	return child_line(&stage.target, line, sizeof(line)) ? line :
							       "(it has died)";
}

/*
 * Until it has begun: done, or on its way as far as the agent lets it. A thread
 * that the agent holds acts when it is let go.
 */
static void change_make(const struct change *change)
{
	if (change->signal)
		kill(stage.target.pid, change->signal);
	if (change->second_signal)
		kill(stage.target.pid, change->second_signal);
	if (!change->word) {
		/* Time passes for the target. */
		nanosleep(&(struct timespec){ 0, 1000000 }, NULL);
		return;
	}
	say(change->word);
	for (int i = 0; i < CHANGE_BEGINS_MS; i++)
		if (has_answered(1) ||
		    strchr("tZXD", child_state(stage.target.pid)))
			return;
}

/* --- the judge --------------------------------------------------------------- */

static bool is_whole(const struct operation *operation, const char *values)
{
	return !strcmp(values, operation->values_before) ||
	       !strcmp(values, operation->values_after);
}

static bool has_image(pid_t pid)
{
	char path[64], line[512];
	bool found = false;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/maps", (int)pid);
	file = fopen(path, "re");
	while (file && fgets(line, sizeof(line), file))
		found |= strstr(line, "hotfix:") != NULL;
	if (file)
		fclose(file);
	return found;
}

static int child_recover(int pid)
{
	char command[64];

	snprintf(command, sizeof(command), "recover -p %d", pid);
	return agent_run(&stage, command);
}

/* The child of a fork has what its parent had, and goes on alone. */
static const char *judge_forked(const struct operation *operation,
				const char *answer)
{
	bool image;
	int pid = 0, at = 0, status;

	if (sscanf(answer, "forked %d: %n", &pid, &at) != 1 || !at ||
	    !is_whole(operation, answer + at))
		return wrong(&stage, "the child says: %s", answer);
	status = child_recover(pid);
	if (status)
		return wrong(&stage, "recover of the child exits %d: %s",
			     status, agent_output(&stage));
	image = has_image(pid);
	say("release");
	answer = answer_read();
	if (!is_whole(operation, answer))
		return wrong(&stage, "the recovered child says: %s", answer);
	return image && !strcmp(answer, OLD) ?
		       left_over(&stage, "an image in the child") :
		       "";
}

static const char *judge_word(const struct change *change,
			      const struct operation *operation)
{
	const char *answer;

	if (!change->word)
		return "";
	answer = answer_read();
	if (strstr(change->word, "vfork"))
		return !strncmp(answer, "vforked: ", 9) &&
				       is_whole(operation, answer + 9) ?
			       "" :
			       wrong(&stage, "vfork: %s", answer);
	if (strstr(change->word, "fork"))
		return judge_forked(operation, answer);
	return strchr(answer, '0') ? "" : wrong(&stage, "%s: %s", change->word,
						answer);
}

static const char *judge_values_and_reset(const struct operation *operation,
					  int status)
{
	const char *what = judge_values(&stage, operation, status);

	return *what ? what : stage_reset(&stage);
}

static const char *judge_living(const struct change *change,
				const struct operation *operation, int status)
{
	const char *what;

	if (change->last_signal)
		kill(stage.target.pid, change->last_signal);
	what = judge_word(change, operation);
	if (!*what)
		what = unharmed(&stage);
	if (!*what && change->last && !strchr(ask(&stage, change->last), '0'))
		what = wrong(&stage, "%s failed", change->last);
	return *what ? what : judge_values_and_reset(operation, status);
}

static bool has_ended(pid_t pid)
{
	struct pollfd end = { .events = POLLIN };
	bool ended;

	end.fd = (int)syscall(SYS_pidfd_open, pid, 0);
	ended = poll(&end, 1, CHILD_PATIENCE_MS) == 1;
	close(end.fd);
	return ended;
}

/* It has ended in its own way. */
static const char *judge_ended(const struct change *change)
{
	bool own;
	int status;

	if (!has_ended(stage.target.pid))
		return wrong(&stage, "the target does not end: %s",
			     has_answered(0) ? answer_read() : "no answer");
	status = child_reap(&stage.target);
	own = change->end ? WIFSIGNALED(status) &&
				    WTERMSIG(status) == change->end :
			    WIFEXITED(status) && !WEXITSTATUS(status);
	return own ? "" : wrong(&stage, "the target ended with %#x", status);
}

/* The lines of the snapshot that do not depend on where things are mapped. */
static const char *judge_code(void)
{
	char *now = snapshot_take(stage.target.pid), *rest = NULL;
	const char *what = "";

	for (char *line = strtok_r(now, "\n", &rest); line;
	     line = strtok_r(NULL, "\n", &rest))
		if (!strncmp(line, "code ", 5) &&
		    !strstr(stage.snapshot, line))
			what = wrong(&stage, "the new program's %s", line);
	free(now);
	return what;
}

/* The program that it became knows of nothing. */
static const char *judge_other(void)
{
	const char *answer = answer_read(), *what;

	if (strcmp(answer, "ready"))
		return wrong(&stage, "exec: %s", answer);
	what = unharmed(&stage);
	if (!*what)
		what = judge_code();
	if (!*what && has_image(stage.target.pid))
		what = left_over(&stage, "an image in the new program");
	if (!*what && strcmp(ask(&stage, "values"), OLD))
		what = wrong(&stage, "the new program is patched");
	return what;
}

/* --- one moment -------------------------------------------------------------- */

/* With words, when it could not do it. */
static const char *judge_agent(enum victim_state state,
			       const struct victim *victim)
{
	if (state == VICTIM_HUNG)
		return wrong(&stage, "the agent hangs: %s",
			     agent_output(&stage));
	/* The string's end stands for 0. */
	if (!memchr("\1\3\4\6", victim->exit_status, 5) ||
	    (victim->exit_status &&
	     !strstr(agent_output(&stage), "hotfix: error: ")))
		return wrong(&stage, "the agent exits %d: %s",
			     victim->exit_status, agent_output(&stage));
	return "";
}

static const char *judge_all(const struct change *change,
			     const struct operation *operation, int status)
{
	switch (change->fate) {
	case ENDS:
		return judge_ended(change);
	case BECOMES_ANOTHER:
		return judge_other();
	case LIVES:
		break;
	}
	return judge_living(change, operation, status);
}

static const char *moment_play(const struct change *change,
			       const struct operation *operation,
			       const struct moment *moment,
			       struct victim *victim, bool *ret_done)
{
	const char *what = operation_prepare(&stage, operation);
	enum victim_state state;

	if (!*what && change->first)
		ask(&stage, change->first);
	if (*what || !victim_start(victim, &stage, operation->command))
		return what;
	state = victim_run(victim, moment);
	if (state == VICTIM_HELD) {
		change_make(change);
		state = victim_run(victim, NULL);
	} else if (state == VICTIM_ENDED) {
		*ret_done = true;
	}
	what = judge_agent(state, victim);
	if (*what)
		return what;
	if (*ret_done)
		return judge_values_and_reset(operation, victim->exit_status);
	return judge_all(change, operation, victim->exit_status);
}

/* --- all of them --------------------------------------------------------------- */

/* Stacks of threads that have ended stay, for others. */
static void target_start(const struct change *change)
{
	stage_start_as(&stage, change->argument);
	ask(&stage, "thread");
	ask(&stage, "end-thread");
	if (change->before)
		ask(&stage, change->before);
	stage_look(&stage);
}

static void moments_on_side(const struct change *change,
			    const struct operation *operation, enum side side,
			    unsigned int stride, struct tally *tally)
{
	struct moment moment = {
		.call = setting("MOMENT_FROM",
				1 + (unsigned int)rand() % stride),
		.side = side,
	};
	unsigned int to = setting("MOMENT_TO", 100000), statuses[8] = { 0 };
	struct victim victim = { 0 };
	bool done = false;

	for (; !done && moment.call <= to; moment.call += stride) {
		const char *what;

		if (stage.target.pid <= 0)
			target_start(change);
		what = moment_play(change, operation, &moment, &victim, &done);
		if (done && !*what) {
			/* Whatever was begun is not judged. */
			stage_stop(&stage);
			break;
		}
		statuses[victim.exit_status & 7]++;
		if (getenv("MOMENT_TELL"))
			printf("# %s: exit %d: %s\n",
			       moment_text(&moment, &victim),
			       victim.exit_status, agent_output(&stage));
		tally_add(tally, &stage, what);
		if (*what)
			printf("# %s: %s %s: %s\n", operation->name,
			       change->name, moment_text(&moment, &victim),
			       what);
		if (*what || change->fate != LIVES)
			stage_stop(&stage);
	}
	printf("# %s, %s by %u: %u done, %u failed, %u refused, %u late\n",
	       operation->name, side == BEFORE ? "before" : "behind", stride,
	       statuses[0], statuses[1], statuses[3], statuses[4]);
}

static void moments_of(const struct change *change, const char *name,
		       struct tally *tally)
{
	const struct operation *operation = operation_find(name);
	unsigned int stride = change->stride ? change->stride : 1;

	stride = setting("MOMENT_STRIDE", stride * (tap_is_full() ? 1 : 101));
	moments_on_side(change, operation, BEFORE, stride, tally);
	moments_on_side(change, operation, BEHIND, stride, tally);
}

static void moments(const struct change *change)
{
	const bool both = tap_is_full() || getenv("MOMENT_STRIDE");
	const bool first = rand() & 1;
	struct tally tally = { 0 };
	char row[96];

	if (both || first)
		moments_of(change, "apply", &tally);
	if (both || !first)
		moments_of(change, "revert", &tally);
	stage_stop(&stage);
	snprintf(row, sizeof(row), "target changes at a call: %s",
		 change->name);
	tally_tell(&tally, row);
}

#define MOMENTS(id, text, ...)                                                 \
	TEST(id)                                                               \
	{                                                                      \
		const struct change change = { .name = text, __VA_ARGS__ };    \
                                                                               \
		moments(&change);                                              \
	}

MOMENTS(killed, "killed by SIGKILL", .signal = SIGKILL, .fate = ENDS,
	.end = SIGKILL)
MOMENTS(exits, "exits", .word = "quit", .fate = ENDS)
MOMENTS(thread_exits, "exits by another thread", .word = "beside quit",
	.fate = ENDS)
MOMENTS(execs, "execs", .word = "exec ", .fate = BECOMES_ANOTHER)
MOMENTS(thread_execs, "execs by another thread", .word = "beside exec ",
	.fate = BECOMES_ANOTHER)
MOMENTS(forks, "forks", .word = "fork")
MOMENTS(thread_forks, "forks by another thread", .word = "beside fork")
MOMENTS(vforks, "vforks", .word = "vfork")
MOMENTS(thread_begins, "a thread begins", .word = "thread",
	.last = "end-thread")
MOMENTS(thread_ends, "a thread ends", .first = "thread",
	.word = "end-thread")
MOMENTS(stopped, "stopped by job control", .signal = SIGSTOP,
	.last_signal = SIGCONT)
MOMENTS(stopped_and_continued, "stopped and continued", .signal = SIGSTOP,
	.second_signal = SIGCONT)
MOMENTS(time_passes, "swaps stacks", .fate = LIVES)
MOMENTS(main_exited, "main thread gone", .argument = "main-exits")
MOMENTS(signals, "takes signals at 10 kHz", .before = "signals 10000")
MOMENTS(threads, "1,000 threads", .before = "threads 1000", .stride = 37)

/*
 * A thread that cannot be stopped for a while, as on a machine with more to do
 * than it can: recover comes back to it. What it recovers is an image that is
 * mapped, with a hook, so that all threads have to be looked at.
 */
TEST(recover_comes_back)
{
	const struct moment mapped = { 6, BEHIND, true };
	struct victim victim;
	int status = -1;

	stage_start(&stage);
	if (victim_start(&victim, &stage, "apply H -p P") &&
	    victim_run(&victim, &mapped) == VICTIM_HELD) {
		victim_kill(&victim);
		say("vfork 300");
		if (child_wait_state(stage.target.pid, "D"))
			status = agent_run(&stage, "recover -p P");
	}
	CHECK_EQ(status, 0);
	CHECK_CONTAINS(answer_read(), "vforked: ");
	if (!snapshot_is_same(&stage))
		TAP_FAIL("left over: %s", agent_output(&stage));
	stage_stop(&stage);
}

static void stage_leave(void)
{
	stage_close(&stage);
}

int main(int argc, char **argv)
{
	srand((unsigned int)getpid());
	if (!stage_open(&stage))
		return 1;
	atexit(stage_leave);
	return tap_main(argc, argv);
}
