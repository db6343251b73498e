/*
 * The agent is killed after a random time, from none to the whole duration of
 * its work; in every third round the recovery too.
 *
 *   KILL_ROUNDS=600   how many; 60 otherwise, 1,200 in a full run
 *   KILL_SEED=N       the same times again (as far as the machine lets us)
 */
#include "stage.h"

#define NR_MEASUREMENTS 3

static uint64_t now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

/* Asleep: the agent needs the processor. */
static void wait_until(uint64_t us)
{
	const struct timespec until = { (time_t)(us / 1000000),
					(long)(us % 1000000) * 1000 };

	clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL);
}

/* Return: whether it was killed before it ended. */
static bool killed_after(const struct stage *stage, const char *command,
			 uint64_t us)
{
	uint64_t began_us = now_us();
	pid_t pid = agent_start(stage, command);
	int status;

	wait_until(began_us + us);
	kill(pid, SIGKILL);
	waitpid(pid, &status, __WALL);
	return WIFSIGNALED(status);
}

/* How long an operation takes, in µs; 0: it failed. */
static uint64_t duration(struct stage *stage, const struct operation *operation)
{
	uint64_t longest = 0;

	for (int i = 0; i < NR_MEASUREMENTS; i++) {
		uint64_t took;

		if (*operation_prepare(stage, operation))
			return 0;
		took = now_us();
		if (agent_run(stage, operation->command))
			return 0;
		took = now_us() - took;
		if (*stage_reset(stage))
			return 0;
		if (took > longest)
			longest = took;
	}
	return longest;
}

static uint64_t random_below(uint64_t limit)
{
	return (uint64_t)random() % limit;
}

/* An operation is killed; in every third round, recover too. */
static const char *round_play(struct stage *stage,
			      const struct operation *operation, uint64_t us,
			      bool twice, unsigned long *nr_deaths)
{
	const char *what = operation_prepare(stage, operation);

	if (*what)
		return what;
	*nr_deaths += killed_after(stage, operation->command,
				   random_below(us));
	if (twice)
		*nr_deaths += killed_after(stage, "recover -p P",
					   random_below(us));
	what = judge(stage, operation);
	return *what ? what : stage_reset(stage);
}

static void rounds_play(struct stage *stage, const uint64_t *durations,
			unsigned int nr_rounds, struct tally *tally)
{
	unsigned long nr_deaths = 0;

	for (unsigned int i = 0; i < nr_rounds; i++) {
		const struct operation *operation =
			&operations[i % NR_OPERATIONS];
		const char *what = round_play(stage, operation,
					      durations[i % NR_OPERATIONS],
					      i / NR_OPERATIONS % 3 == 2,
					      &nr_deaths);

		tally_add(tally, stage, what);
		if (!*what)
			continue;
		printf("# round %u, %s: %s\n", i, operation->name, what);
		stage_renew(stage);
	}
	tally->nr_tries = nr_deaths;
}

TEST(any_time)
{
	unsigned int nr_rounds = setting("KILL_ROUNDS",
					 tap_is_full() ? 1200 : 60);
	unsigned int seed = setting("KILL_SEED", (unsigned int)getpid());
	uint64_t durations[NR_OPERATIONS];
	struct tally tally = { 0 };
	struct stage stage;

	srandom(seed);
	CHECK(stage_open(&stage));
	stage_start(&stage);
	for (size_t i = 0; i < NR_OPERATIONS; i++) {
		durations[i] = duration(&stage, &operations[i]);
		CHECK(durations[i]);
	}
	rounds_play(&stage, durations, nr_rounds, &tally);
	printf("# seed %u: %lu deaths in %u rounds; %u found interrupted, %u "
	       "with an image to unmap, %lu EINTR from epoll_wait\n",
	       seed, tally.nr_tries, nr_rounds, stage.nr_interrupted,
	       stage.nr_kept, stage.nr_epoll);
	tally_tell(&tally, "agent killed at a random time");
	stage_close(&stage);
	CHECK(tally.nr_tries);
}

int main(int argc, char **argv)
{
	return tap_main(argc, argv);
}
