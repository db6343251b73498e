#include "gather.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "clock.h"

/* A gate holds a thread for longer than this, and what comes with it. */
#define LOOK_GAP_US 50
/* As long a thread takes to be let run and return, or to stop: no gap then. */
#define EXPECT_NS (50 * NS_PER_US)

/* A thread whose return leads to a gate. */
struct caught {
	pid_t tid;
	hf_addr where; /* the word of its stack */
	hf_addr returns_to;
	hf_addr gate;
	bool arrived; /* or gone, or come out another way */
};

/* --- catching -------------------------------------------------------------- */

static bool in_ranges(const struct gather *gather, hf_addr code)
{
	for (size_t i = 0; i < gather->query.nr_ranges; i++)
		if (range_contains(&gather->query.ranges[i], code))
			return true;
	return false;
}

/* The frame that the outermost activation returns to; frames->nr: unknown. */
static size_t caller_of_outermost(const struct gather *gather,
				  const struct unwind_frames *frames)
{
	for (size_t i = frames->nr; i-- > 1;)
		if (in_ranges(gather, unwind_frame_code(frames, i - 1)))
			return frames->returns[i] ? i : frames->nr;
	return frames->nr;
}

static bool has_handler(const struct unwind_frames *frames, size_t from)
{
	for (size_t i = from; i < frames->nr; i++)
		if (frames->has_handler[i])
			return true;
	return false;
}

/* A word on a stack: private memory that the thread itself may write. */
static bool is_stack_word(const struct gather *gather, hf_addr where)
{
	const struct mapping *mapping = mappings_find(gather->query.mappings, where);

	return mapping && !mapping->shared && where % sizeof(hf_addr) == 0 &&
	       (mapping->protection & PROT_WRITE);
}

static int caught_add(struct gather *gather, const struct caught *caught)
{
	struct caught *grown;

	for (size_t i = 0; i < gather->nr_caught; i++)
		if (gather->caught[i].tid == caught->tid) {
			gather->caught[i] = *caught;
			return 0;
		}
	grown = reallocarray(gather->caught, gather->nr_caught + 1,
			     sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	gather->caught = grown;
	grown[gather->nr_caught++] = *caught;
	return 0;
}

static int return_read(const struct gather *gather, const struct caught *caught,
		       hf_addr *ret_value)
{
	return process_read(gather->gates.process, caught->where, ret_value,
			    sizeof(*ret_value));
}

static int return_write(const struct gather *gather,
			const struct caught *caught, hf_addr value)
{
	return process_write(gather->gates.process, caught->where, &value,
			     sizeof(value));
}

/* Where the outermost activation returns to, and from which word. */
static int return_find(const struct gather *gather, const struct thread *thread,
		       struct caught *ret_caught)
{
	owned(free_p) struct unwind_frames *frames = malloc(sizeof(*frames));
	hf_addr found;
	size_t caller;
	int r;

	if (!frames)
		return -ENOMEM;
	r = unwinder_walk(gather->query.unwinder, thread, frames, NULL);
	if (r < 0)
		return r;
	caller = caller_of_outermost(gather, frames);
	if (caller == frames->nr || has_handler(frames, caller))
		return -ENOENT;
	*ret_caught = (struct caught){
		.tid = thread->tid,
		.where = frames->stack_pointers[caller] - sizeof(hf_addr),
		.returns_to = frames->pcs[caller],
	};
	if (!is_stack_word(gather, ret_caught->where) ||
	    return_read(gather, ret_caught, &found) < 0 ||
	    found != ret_caught->returns_to)
		return -ENOENT;
	return 0;
}

/* Whether it was caught before, and has not come out since. */
static bool is_caught(const struct gather *gather, pid_t tid)
{
	for (size_t i = 0; i < gather->nr_caught; i++)
		if (gather->caught[i].tid == tid)
			return !gather->caught[i].arrived;
	return false;
}

int gather_catch(struct gather *gather, const struct thread *thread)
{
	struct caught caught;
	int r;

	if (is_caught(gather, thread->tid))
		return 0;
	r = return_find(gather, thread, &caught);
	if (r == 0)
		r = gates_find(&gather->gates, caught.returns_to, &caught.gate);
	if (r == 0)
		r = caught_add(gather, &caught);
	return r ? r : return_write(gather, &caught, caught.gate);
}

/* --- waiting --------------------------------------------------------------- */

/* The first thing in a gate is a push over the word that led there. */
static bool has_left(const struct gather *gather, const struct caught *caught)
{
	hf_addr now;

	/* Present: it was written to. */
	return process_peek(gather->gates.process, caught->where, &now,
			    sizeof(now)) < 0 ||
	       now != caught->gate;
}

/*
 * A thread in a gate waits for nobody but us: it is asked to stop at once, and
 * kept when it has. One that was too late to be found in the gate goes on, and
 * the next look shows whether it is inside again.
 */
static void arrival_keep(struct gather *gather, struct caught *caught)
{
	struct thread *thread = tracee_find(gather->tracee, caught->tid);

	caught->arrived = !thread || thread->state == THREAD_GONE;
	if (caught->arrived || !has_left(gather, caught))
		return;
	if (!thread->awaited)
		gather->expect_until_ns = monotonic_ns() + EXPECT_NS;
	tracee_ask(thread);
	caught->arrived = tracee_collect(gather->tracee, thread);
	if (!caught->arrived)
		return;
	thread->kept = gate_leave(&gather->gates, thread) == 0;
	if (!thread->kept)
		tracee_release(gather->tracee, thread);
}

/* Return: whether anybody is still inside, or on the way into our hands. */
static bool look(struct gather *gather)
{
	bool waits = false;

	for (size_t i = 0; i < gather->nr_caught; i++) {
		struct caught *caught = &gather->caught[i];

		if (!caught->arrived)
			arrival_keep(gather, caught);
		waits |= !caught->arrived;
	}
	return waits;
}

int gather_wait(struct gather *gather, uint64_t deadline_ns)
{
	tracee_release_all(gather->tracee);
	gather->expect_until_ns = monotonic_ns() + EXPECT_NS;
	while (look(gather)) {
		uint64_t now_ns = monotonic_ns();

		if (now_ns >= deadline_ns)
			return -ETIME;
		if (now_ns >= gather->expect_until_ns)
			tracee_serve(gather->tracee, LOOK_GAP_US);
	}
	return 0;
}

/* --- the end ---------------------------------------------------------------- */

static void gather_release(struct gather *gather)
{
	for (size_t i = 0; i < gather->tracee->nr_threads; i++)
		gather->tracee->threads[i].kept = false;
	free(gather->caught);
	gather->caught = NULL;
	gather->nr_caught = 0;
}

void gather_succeed(struct gather *gather)
{
	gather_release(gather);
}

/* A signal's handler may run on top of a gate. */
static bool gates_are_free(const struct gather *gather)
{
	const struct range page = { gather->gates.base,
				    gather->gates.base + GATES_SIZE };
	struct stack_query query = gather->query;
	struct stack_hit hit;

	query.ranges = &page;
	query.nr_ranges = 1;
	query.conservative = true;
	for (size_t i = 0; i < gather->tracee->nr_threads; i++)
		if (stack_check(&query, &gather->tracee->threads[i], &hit, NULL))
			return false;
	return true;
}

void gather_give_up(struct gather *gather, unsigned int timeout_ms)
{
	struct tracee *tracee = gather->tracee;

	for (size_t i = 0; i < tracee->nr_threads; i++)
		tracee->threads[i].kept = false;
	tracee_release_all(tracee);
	if (gather->nr_caught && !tracee_hold_awake(tracee, timeout_ms, NULL)) {
		for (size_t i = 0; i < tracee->nr_threads; i++)
			if (tracee->threads[i].state == THREAD_HELD)
				(void)gate_leave(&gather->gates,
						 &tracee->threads[i]);
		for (size_t i = 0; i < gather->nr_caught; i++)
			if (!has_left(gather, &gather->caught[i]))
				(void)return_write(
					gather, &gather->caught[i],
					gather->caught[i].returns_to);
		if (gates_are_free(gather))
			gates_clear(&gather->gates);
	}
	gather_release(gather);
}
