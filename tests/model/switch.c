/*
 * The switch (agent/switch.c) as a model, and every state that it can be in.
 *
 * Three threads call a function, return, fall asleep inside or outside of it and
 * wake, each whenever it likes; the agent goes through its steps, looks in vain,
 * begins anew, is killed; the kernel takes its time with every stop. All orders
 * of all of that are tried, by breadth first from one state. What must hold:
 *
 *   torn       nobody runs the function's bytes while they are half written
 *   mixed      nobody is inside the old function when the new one can be called
 *   left held  nobody stands still when the agent has ended, however it ended
 *   stuck      from every state there is a way to the end
 *
 * A checker proves as much as it can find: each way in which the protocol could
 * have been made simpler is tried as well, and has to break one of these.
 *
 *   thread    outside <-> old, or new        by the bytes that stand there
 *                |         |
 *             asleep     asleep
 *
 *   trace     none - traced - asked - held   by the agent; asked -> held by the
 *                      ^               |     kernel, some time later
 *                      |            dormant  asleep: cannot get out
 *                      +--- door <-----+     its call is over: it stopped
 */
#include <stdlib.h>
#include <string.h>

#include "../tap.h"

#define NR_THREADS 3

enum place { OUTSIDE, ASLEEP, IN_OLD, ASLEEP_IN_OLD, IN_NEW };
enum trace { NONE, TRACED, ASKED, HELD, DORMANT, DOOR };
enum bytes { OLD, TORN, NEW };

/* The agent's next step; those of one thread take `at`, one after another. */
enum step {
	SEIZE,	 /* thread `at` */
	VISIT,	 /* ask thread `at`, if it sleeps */
	LOOK,	 /* at thread `at`, once it is held, and leave it asleep */
	SERVE,	 /* those at the door run; is anybody asleep inside? */
	ASK,	 /* thread `at`, if it is not dormant */
	WAIT,	 /* for thread `at` to be held */
	CHECK,	 /* all of them */
	WRITE,	 /* the first half */
	WRITTEN, /* the second */
	RELEASE, /* all that are held, or at the door */
	FREE,	 /* nobody is traced any more */
	DONE,
	DEAD,
	NR_STEPS,
};

/* The ways in which it could be simpler, and wrong. */
enum shortcut {
	NO_SHORTCUT,
	SLEEPERS_ARE_CLEAN,   /* they are not looked at */
	SLEEPERS_STAY_ASLEEP, /* they are not stopped at the end of their calls */
	DOOR_IS_SERVED,	      /* they are let run while others are held */
	NOBODY_IS_AWAITED,    /* asked to stop is as good as stopped */
	LOOK_OUTLIVES_SLEEP,  /* who was seen outside counts as outside for good */
	NO_CHECK,	      /* all stand still, and that is enough */
	STOPS_OUTLIVE_US,     /* as PTRACE_ATTACH's SIGSTOP does */
	NR_SHORTCUTS,
};

struct model_thread {
	uint8_t place;
	uint8_t trace;
	uint8_t clean; /* what the last look found */
};

struct state {
	struct model_thread threads[NR_THREADS];
	uint8_t bytes;
	uint8_t step;
	uint8_t at;
	uint8_t tries;
};

#define TRIES_MAX 2

struct explorer {
	enum shortcut shortcut;
	struct state *states; /* in the order of discovery */
	size_t nr, room;
	uint32_t *table; /* index + 1 by hash; 0: free */
	size_t table_size;
	uint32_t (*edges)[2]; /* from, to */
	size_t nr_edges, edges_room;
	const char *violation; /* the first one */
};

/* --- states ---------------------------------------------------------------- */

static size_t state_hash(const struct state *state)
{
	const uint8_t *bytes = (const void *)state;
	uint64_t hash = 14695981039346656037u; /* FNV-1a */

	for (size_t i = 0; i < sizeof(*state); i++)
		hash = (hash ^ bytes[i]) * 1099511628211u;
	return (size_t)hash;
}

static void *grown(void *old, size_t nr, size_t size)
{
	void *new = reallocarray(old, nr, size);

	if (!new)
		abort();
	return new;
}

static void table_grow(struct explorer *explorer)
{
	free(explorer->table);
	explorer->table_size = explorer->table_size ?
				       explorer->table_size * 2 : 1 << 16;
	explorer->table = calloc(explorer->table_size,
				 sizeof(*explorer->table));
	if (!explorer->table)
		abort();
	for (size_t i = 0; i < explorer->nr; i++) {
		size_t slot = state_hash(&explorer->states[i]);

		while (explorer->table[slot % explorer->table_size])
			slot++;
		explorer->table[slot % explorer->table_size] = (uint32_t)i + 1;
	}
}

/* Return: the number of a state, new or known. */
static uint32_t state_add(struct explorer *explorer, const struct state *state)
{
	size_t slot = state_hash(state);
	uint32_t found;

	if (explorer->nr * 2 >= explorer->table_size)
		table_grow(explorer);
	for (; (found = explorer->table[slot % explorer->table_size]); slot++)
		if (!memcmp(&explorer->states[found - 1], state, sizeof(*state)))
			return found - 1;
	if (explorer->nr == explorer->room) {
		explorer->room = explorer->room * 2 + 1024;
		explorer->states = grown(explorer->states, explorer->room,
					 sizeof(*explorer->states));
	}
	explorer->states[explorer->nr] = *state;
	explorer->table[slot % explorer->table_size] =
		(uint32_t)++explorer->nr;
	return (uint32_t)explorer->nr - 1;
}

static void leads_to(struct explorer *explorer, uint32_t from,
		     const struct state *state)
{
	if (explorer->nr_edges == explorer->edges_room) {
		explorer->edges_room = explorer->edges_room * 2 + 4096;
		explorer->edges = grown(explorer->edges, explorer->edges_room,
					sizeof(*explorer->edges));
	}
	explorer->edges[explorer->nr_edges][0] = from;
	explorer->edges[explorer->nr_edges++][1] = state_add(explorer, state);
}

static void violated(struct explorer *explorer, const char *what)
{
	if (!explorer->violation)
		explorer->violation = what;
}

/* --- threads and the kernel -------------------------------------------------- */

static bool is_asleep(const struct model_thread *thread)
{
	return thread->place == ASLEEP || thread->place == ASLEEP_IN_OLD;
}

static bool is_inside(const struct model_thread *thread)
{
	return thread->place == IN_OLD || thread->place == ASLEEP_IN_OLD;
}

static bool may_run(const struct model_thread *thread)
{
	return thread->trace == NONE || thread->trace == TRACED ||
	       thread->trace == ASKED;
}

/* Where a thread that runs may go from here. Return: how many. */
static size_t moves(struct explorer *explorer, const struct state *state,
		    const struct model_thread *thread, uint8_t ret_places[3])
{
	size_t nr = 0;

	switch ((enum place)thread->place) {
	case OUTSIDE:
		if (state->bytes == TORN)
			violated(explorer, "torn");
		ret_places[nr++] = state->bytes == NEW ? IN_NEW : IN_OLD;
		ret_places[nr++] = ASLEEP;
		break;
	case IN_OLD:
		if (state->bytes == TORN)
			violated(explorer, "torn");
		ret_places[nr++] = OUTSIDE;
		ret_places[nr++] = ASLEEP_IN_OLD;
		break;
	case IN_NEW:
		ret_places[nr++] = OUTSIDE;
		break;
	case ASLEEP:
		ret_places[nr++] = OUTSIDE;
		break;
	case ASLEEP_IN_OLD:
		ret_places[nr++] = IN_OLD;
		break;
	}
	return nr;
}

static void thread_steps(struct explorer *explorer, uint32_t from, size_t i)
{
	const struct state state = explorer->states[from];
	const struct model_thread *thread = &state.threads[i];
	struct state next = state;
	uint8_t places[3];
	size_t nr;

	if (thread->trace == ASKED) {
		next.threads[i].trace = HELD;
		leads_to(explorer, from, &next);
	}
	if (thread->trace == DORMANT) {
		/* The call is over; what comes of it is not yet felt. */
		next.threads[i].trace =
			explorer->shortcut == SLEEPERS_STAY_ASLEEP ? TRACED :
								     DOOR;
		leads_to(explorer, from, &next);
	}
	if (!may_run(thread))
		return;
	nr = moves(explorer, &state, thread, places);
	for (size_t k = 0; k < nr; k++) {
		next = state;
		next.threads[i].place = places[k];
		leads_to(explorer, from, &next);
	}
}

/* --- the agent ----------------------------------------------------------------- */

/* The next thread, or with the last one the next step. */
static void next_thread(struct state *state, enum step same, enum step then)
{
	state->at++;
	state->step = (uint8_t)(state->at < NR_THREADS ? same : then);
	if (state->at == NR_THREADS)
		state->at = 0;
}

static void go_to(struct state *state, enum step step)
{
	state->step = step;
	state->at = 0;
}

static void door_opens(struct state *state)
{
	for (size_t i = 0; i < NR_THREADS; i++)
		if (state->threads[i].trace == DOOR)
			state->threads[i].trace = TRACED;
}

/* A held thread goes back to sleep, or on. */
static void look(const struct explorer *explorer, struct model_thread *thread)
{
	thread->clean = !is_inside(thread) ||
			explorer->shortcut == SLEEPERS_ARE_CLEAN;
	thread->trace = is_asleep(thread) ? DORMANT : TRACED;
}

static bool known_inside(const struct explorer *explorer,
			 const struct model_thread *thread)
{
	if (explorer->shortcut == NO_CHECK)
		return false;
	if (thread->trace == DORMANT || thread->trace == DOOR)
		return !thread->clean;
	if (explorer->shortcut == LOOK_OUTLIVES_SLEEP && thread->clean)
		return false;
	return is_inside(thread);
}

static bool somebody_inside(const struct explorer *explorer,
			    const struct state *state, bool dormant_only)
{
	for (size_t i = 0; i < NR_THREADS; i++) {
		const struct model_thread *thread = &state->threads[i];

		if ((!dormant_only || thread->trace == DORMANT) &&
		    known_inside(explorer, thread))
			return true;
	}
	return false;
}

/* In vain: another try, or the end of it. */
static void try_again(struct state *state)
{
	state->tries++;
	go_to(state, RELEASE);
}

static void released(struct state *state)
{
	for (size_t i = 0; i < NR_THREADS; i++) {
		struct model_thread *thread = &state->threads[i];

		if (thread->trace == HELD || thread->trace == DOOR ||
		    thread->trace == ASKED)
			thread->trace = TRACED;
		if (thread->trace != DORMANT)
			thread->clean = false;
	}
	if (state->bytes == OLD && state->tries < TRIES_MAX)
		go_to(state, VISIT);
	else
		go_to(state, FREE);
}

static void agent_step(struct explorer *explorer, uint32_t from)
{
	struct state next = explorer->states[from];
	struct model_thread *thread = &next.threads[next.at];
	enum shortcut shortcut = explorer->shortcut;

	switch ((enum step)next.step) {
	case SEIZE:
		thread->trace = TRACED;
		next_thread(&next, SEIZE, VISIT);
		break;
	case VISIT:
		if (thread->trace != TRACED || !is_asleep(thread)) {
			next_thread(&next, VISIT, SERVE);
			break;
		}
		thread->trace = ASKED;
		next.step = LOOK;
		break;
	case LOOK:
		if (thread->trace != HELD)
			return; /* it will be */
		look(explorer, thread);
		next_thread(&next, VISIT, SERVE);
		break;
	case SERVE:
		door_opens(&next);
		if (somebody_inside(explorer, &next, true))
			try_again(&next);
		else
			go_to(&next, ASK);
		break;
	case ASK:
		if (thread->trace == TRACED)
			thread->trace = ASKED;
		next_thread(&next, ASK, WAIT);
		break;
	case WAIT:
		if (shortcut == DOOR_IS_SERVED)
			door_opens(&next);
		if (thread->trace == ASKED && shortcut != NOBODY_IS_AWAITED)
			return;
		next_thread(&next, WAIT, CHECK);
		break;
	case CHECK:
		if (somebody_inside(explorer, &next, false))
			try_again(&next);
		else
			go_to(&next, WRITE);
		break;
	case WRITE:
		next.bytes = TORN;
		go_to(&next, WRITTEN);
		break;
	case WRITTEN:
		next.bytes = NEW;
		go_to(&next, RELEASE);
		break;
	case RELEASE:
		released(&next);
		break;
	case FREE:
		for (size_t i = 0; i < NR_THREADS; i++)
			next.threads[i].trace = NONE;
		go_to(&next, DONE);
		break;
	case DONE:
	case DEAD:
	case NR_STEPS:
		return;
	}
	leads_to(explorer, from, &next);
}

/* SIGKILL: the kernel ends our tracing, and the store that it is at. */
static void agent_dies(struct explorer *explorer, uint32_t from)
{
	struct state next = explorer->states[from];

	if (next.step == DONE || next.step == DEAD)
		return;
	for (size_t i = 0; i < NR_THREADS; i++) {
		if (explorer->shortcut == STOPS_OUTLIVE_US &&
		    next.threads[i].trace == HELD)
			continue;
		next.threads[i].trace = NONE;
	}
	if (next.bytes == TORN)
		next.bytes = NEW;
	go_to(&next, DEAD);
	leads_to(explorer, from, &next);
}

/* --- what must hold --------------------------------------------------------------- */

static void state_check(struct explorer *explorer, const struct state *state)
{
	for (size_t i = 0; i < NR_THREADS; i++) {
		const struct model_thread *thread = &state->threads[i];

		if (state->bytes == NEW && is_inside(thread))
			violated(explorer, "mixed");
		if ((state->step == DONE || state->step == DEAD) &&
		    thread->trace != NONE)
			violated(explorer, "left held");
	}
}

/* Back from the ends along the edges: what is not met cannot come to an end. */
static void ends_check(struct explorer *explorer)
{
	bool *ends = calloc(explorer->nr, sizeof(*ends)), again = true;

	if (!ends)
		abort();
	for (size_t i = 0; i < explorer->nr; i++)
		ends[i] = explorer->states[i].step == DONE;
	while (again) {
		again = false;
		for (size_t i = explorer->nr_edges; i--;) {
			uint32_t from = explorer->edges[i][0];

			if (ends[from] || !ends[explorer->edges[i][1]])
				continue;
			ends[from] = again = true;
		}
	}
	for (size_t i = 0; i < explorer->nr; i++)
		if (!ends[i] && explorer->states[i].step != DEAD)
			violated(explorer, "stuck");
	free(ends);
}

/* Return: the first violation, or NULL. */
static const char *explore(enum shortcut shortcut, size_t *ret_nr)
{
	struct explorer explorer = { .shortcut = shortcut };
	struct state first = { .step = SEIZE };

	state_add(&explorer, &first);
	for (uint32_t i = 0; i < explorer.nr && !explorer.violation; i++) {
		state_check(&explorer, &explorer.states[i]);
		for (size_t k = 0; k < NR_THREADS; k++)
			thread_steps(&explorer, i, k);
		agent_step(&explorer, i);
		agent_dies(&explorer, i);
	}
	if (!explorer.violation)
		ends_check(&explorer);
	*ret_nr = explorer.nr;
	free(explorer.states);
	free(explorer.table);
	free(explorer.edges);
	return explorer.violation;
}

/* --- tests ------------------------------------------------------------------------- */

TEST(protocol_holds)
{
	size_t nr;
	const char *violation = explore(NO_SHORTCUT, &nr);

	printf("# %zu states\n", nr);
	if (violation)
		TAP_FAIL("%s", violation);
	CHECK(nr > 10000);
}

/* Nothing in it is there for nothing. */
TEST(every_shortcut_breaks_it)
{
	static const char *const breaks[NR_SHORTCUTS] = {
		[SLEEPERS_ARE_CLEAN] = "mixed",
		[SLEEPERS_STAY_ASLEEP] = "torn",
		[DOOR_IS_SERVED] = "torn",
		[NOBODY_IS_AWAITED] = "torn",
		[LOOK_OUTLIVES_SLEEP] = "mixed",
		[NO_CHECK] = "mixed",
		[STOPS_OUTLIVE_US] = "left held",
	};

	for (int i = NO_SHORTCUT + 1; i < NR_SHORTCUTS; i++) {
		size_t nr;
		const char *violation = explore((enum shortcut)i, &nr);

		printf("# shortcut %d: %s after %zu states\n", i,
		       violation ? violation : "nothing", nr);
		CHECK_STR(violation, breaks[i]);
	}
}

int main(int argc, char **argv)
{
	return tap_main(argc, argv);
}
