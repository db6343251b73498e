/*
 * The agent is killed before and behind every system call that can touch the
 * target, one after the other; see victim.h.
 *
 *   KILL_STRIDE=1      every call, as in a full run; otherwise some, others
 *                      each run
 *   KILL_FROM, KILL_TO only these calls
 *
 * `recover` starts from what an apply left that was killed on its way.
 */
#include "victim.h"

static struct stage stage;

/* One row of the table: what is killed, and from where. */
struct plan {
	const char *row;
	const struct operation *operation;
	const char *command;	/* what is killed; NULL: the operation's */
	unsigned int broken_at; /* the write behind which the operation died */
	unsigned int stride;	/* unless it is a full run */
};

/* Return: false when it ended before that moment. */
static bool killed_at(const char *command, const struct moment *moment,
		      struct victim *victim)
{
	if (!victim_start(victim, &stage, command) ||
	    victim_run(victim, moment) != VICTIM_HELD)
		return false;
	victim_kill(victim);
	return true;
}

static const char *prepare(const struct plan *plan)
{
	const struct moment write = { plan->broken_at, BEHIND, true };
	const char *what = operation_prepare(&stage, plan->operation);
	struct victim victim;

	if (*what || !plan->command)
		return what;
	if (plan->broken_at)
		killed_at(plan->operation->command, &write, &victim);
	else if (agent_run(&stage, plan->operation->command))
		return wrong(&stage, "%s failed: %s", plan->operation->name,
			     agent_output(&stage));
	return "";
}

/* One death. @ret_done: there is no such call any more. */
static const char *death(const struct plan *plan, const struct moment *moment,
			 struct victim *victim, bool *ret_done)
{
	const char *command = plan->command ? plan->command :
					      plan->operation->command;
	const char *what = prepare(plan);

	if (*what)
		return what;
	*ret_done = !killed_at(command, moment, victim);
	/* 6: status and check say that something was left half done. */
	if (*ret_done && victim->exit_status &&
	    (victim->exit_status != 6 || !plan->broken_at))
		return wrong(&stage, "%s exits %d: %s", command,
			     victim->exit_status, agent_output(&stage));
	what = judge(&stage, plan->operation);
	return *what ? what : stage_reset(&stage);
}

static void deaths_on_side(const struct plan *plan, enum side side,
			   unsigned int stride, struct tally *tally)
{
	unsigned int from = setting("KILL_FROM",
				    1 + (unsigned int)rand() % stride);
	struct moment moment = { .call = from, .side = side };
	unsigned int to = setting("KILL_TO", 100000);
	struct victim victim = { 0 };
	bool done = false;

	for (; moment.call <= to; moment.call += stride) {
		const char *what = death(plan, &moment, &victim, &done);

		if (done && !*what)
			break;
		tally_add(tally, &stage, what);
		if (!*what)
			continue;
		printf("# %s, killed %s: %s\n", plan->row,
		       moment_text(&moment, &victim), what);
		if (done || getenv("KILL_STOP"))
			break;
		stage_renew(&stage);
	}
	printf("# %s: %lu deaths %s calls %u to %u by %u\n", plan->row,
	       tally->nr_tries, side == BEFORE ? "before" : "behind", from,
	       moment.call, stride);
}

static void deaths_of(const struct plan *plan, const char *argument)
{
	static const char *const sides[] = { "before", "behind" };
	unsigned int stride =
		setting("KILL_STRIDE", tap_is_full() ? 1 : plan->stride);

	stage_start_as(&stage, argument);
	for (enum side side = BEFORE; side <= BEHIND; side++) {
		struct tally tally = { 0 };
		char row[64];

		deaths_on_side(plan, side, stride, &tally);
		snprintf(row, sizeof(row), "agent killed %s a call: %s",
			 sides[side], plan->row);
		tally_tell(&tally, row);
	}
	printf("# %u found interrupted, %u with an image to unmap, %lu EINTR "
	       "from epoll_wait\n",
	       stage.nr_interrupted, stage.nr_kept, stage.nr_epoll);
	stage_stop(&stage);
}

/*
 * The agent borrows the first thread that sleeps: the main thread, which reads
 * commands; without it, one that keeps values in all its registers.
 */
static void deaths(const struct plan *plan)
{
	const bool both = tap_is_full() || getenv("KILL_STRIDE");
	const bool first = rand() & 1;

	if (both || first)
		deaths_of(plan, NULL);
	if (both || !first)
		deaths_of(plan, "main-exits");
}

static void operation_deaths(const char *name)
{
	const struct plan plan = { .row = name,
				   .operation = operation_find(name),
				   .stride = 59 };

	deaths(&plan);
}

TEST(apply) { operation_deaths("apply"); }
TEST(revert) { operation_deaths("revert"); }
TEST(replace) { operation_deaths("replace"); }
TEST(stack) { operation_deaths("stack"); }
TEST(hooks) { operation_deaths("hooks"); }
TEST(parts) { operation_deaths("parts"); }
TEST(revert_of_parts) { operation_deaths("revert of parts"); }
TEST(everything) { operation_deaths("everything"); }

/* While threads that leave a busy function are kept: agent/gather.h. */
static void crowd_deaths(const char *name)
{
	const struct plan plan = { .row = name,
				   .operation = operation_find(name),
				   .stride = 97 };

	deaths_of(&plan, "crowd");
}

TEST(crowd) { crowd_deaths("crowd"); }
TEST(revert_of_crowd) { crowd_deaths("revert of crowd"); }

/*
 * Recover killed, after an exchange that was killed behind each of its writes:
 *   1-4    frame, stub, name, image      a thread in the stub, a memfd
 *   5, 6   stub and stack back           the image staged
 *   7, 8   REVERTING, SWITCHING
 *   9-11   three sites
 *   12-14  RETIRED, ACTIVE, the record
 */
TEST(recover)
{
	static const unsigned int writes[] = { 4, 6, 7, 8, 9, 10, 11, 12 };

	for (size_t i = 0; i < sizeof(writes) / sizeof(*writes); i++) {
		const struct plan plan = {
			.row = "recover",
			.operation = operation_find("replace"),
			.command = "recover -p P",
			.broken_at = writes[i],
			.stride = 197,
		};

		deaths(&plan);
	}
}

/* Those that only look: also at what was left half done. */
static void looks(const char *row, const char *command)
{
	static const unsigned int writes[] = { 0, 4, 9 };

	for (size_t i = 0; i < sizeof(writes) / sizeof(*writes); i++) {
		const struct plan plan = {
			.row = row,
			.operation = operation_find("replace"),
			.command = command,
			.broken_at = writes[i],
			.stride = 7,
		};

		deaths(&plan);
	}
}

TEST(status) { looks("status", "status -p P"); }
TEST(check) { looks("check", "check A -p P"); }

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
