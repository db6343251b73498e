/*
 * Stacks of real threads: each test plays a scene of tests/targets/
 * stack_scenes.c, holds the process in it and asks whether a thread is inside
 * the code that the scene is about.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>

#include "../../agent/stack.h"
#include "../tap.h"

struct actor {
	pid_t pid;
	int input; /* its end is the target's */
	FILE *output;
	struct range probe;
	struct process *process;
	struct tracee *tracee;
	struct mappings mappings;
	struct modules modules;
	struct unwinder *unwinder;
};

static void actor_release(struct actor *actor)
{
	unwinder_free(actor->unwinder);
	modules_release(&actor->modules);
	mappings_release(&actor->mappings);
	if (actor->tracee)
		tracee_free(actor->tracee);
	process_free(actor->process);
	if (actor->output)
		fclose(actor->output);
	if (actor->input > 0)
		close(actor->input);
	if (actor->pid > 0) {
		kill(actor->pid, SIGKILL);
		waitpid(actor->pid, NULL, 0);
	}
}

/* With @environment, or with ours. */
static int actor_start(struct actor *actor, const char *program,
		       const char *scene, char *const *environment)
{
	const char *built = getenv("HOTFIX_O");
	const char *arguments[] = { program, scene, NULL };
	char path[512];
	int in[2], out[2];

	snprintf(path, sizeof(path), "%s/tests/targets/%s",
		 built ? built : "build", program);
	if (pipe2(in, O_CLOEXEC) < 0 || pipe2(out, O_CLOEXEC) < 0)
		return -errno;
	actor->pid = fork();
	if (actor->pid == 0) {
		dup2(in[0], 0);
		dup2(out[1], 1);
		execve(path, (char *const *)(uintptr_t)arguments,
		       environment ? environment : environ);
		_exit(127);
	}
	close(in[0]);
	close(out[1]);
	actor->input = in[1];
	actor->output = fdopen(out[0], "r");
	return actor->pid < 0 || !actor->output ? -errno : 0;
}

/* Reads where the probe is, and waits until @nr threads have come to stay. */
static bool actor_ready(struct actor *actor, size_t nr)
{
	char line[128], *end;

	if (!fgets(line, sizeof(line), actor->output))
		return false;
	actor->probe.start = strtoull(line, &end, 16);
	actor->probe.end = strtoull(end, NULL, 16);
	while (nr--)
		if (!fgets(line, sizeof(line), actor->output) ||
		    strcmp(line, "ready\n"))
			return false;
	return true;
}

static int actor_hold(struct actor *actor, struct hf_diag *diag)
{
	int r;

	r = process_open(actor->pid, &actor->process, diag);
	if (r == 0)
		r = tracee_seize(actor->process, 2000, &actor->tracee, diag);
	if (r == 0)
		r = tracee_hold_all(actor->tracee, 2000, diag);
	if (r == 0)
		r = mappings_read(actor->process, &actor->mappings, diag);
	if (r == 0)
		r = modules_read(actor->process, &actor->mappings,
				 &actor->modules, diag);
	if (r == 0)
		r = unwinder_new(actor->process, &actor->modules,
				 &actor->unwinder, diag);
	return r;
}

static int actor_play_in(struct actor *actor, const char *program,
			 const char *scene, size_t nr_threads,
			 char *const *environment)
{
	struct hf_diag diag = { 0 };
	int r;

	r = actor_start(actor, program, scene, environment);
	if (r == 0 && !actor_ready(actor, nr_threads))
		r = -EPIPE;
	if (r == 0)
		r = actor_hold(actor, &diag);
	if (r < 0)
		printf("# %s %s: %s: %s\n", program, scene, strerror(-r),
		       diag.message);
	return r;
}

static int actor_play(struct actor *actor, const char *program,
		      const char *scene, size_t nr_threads)
{
	return actor_play_in(actor, program, scene, nr_threads, NULL);
}

struct answer {
	int r; /* of the first thread with a hit, or of the last */
	struct stack_hit hit;
	struct stack_stats stats;
	struct unwind_frames frames; /* of the last thread asked */
};

static struct stack_query query_of(struct actor *actor, struct answer *answer)
{
	return (struct stack_query){
		.process = actor->process,
		.mappings = &actor->mappings,
		.modules = &actor->modules,
		.ranges = &actor->probe,
		.nr_ranges = 1,
		.unwinder = actor->unwinder,
		.stats = &answer->stats,
	};
}

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static void actor_ask(struct actor *actor, bool conservative,
		      struct answer *answer)
{
	struct stack_query query = query_of(actor, answer);
	struct hf_diag diag = { 0 };
	uint64_t start = now_ns();

	query.conservative = conservative;
	answer->r = 0;
	for (size_t i = 0; answer->r == 0 && i < actor->tracee->nr_threads; i++)
		answer->r = stack_check(&query, &actor->tracee->threads[i],
					&answer->hit, &diag);
	if (answer->r < 0)
		printf("# %s\n", diag.message);
	if (answer->r > 0)
		printf("# %#" PRIx64 " at %#" PRIx64 "\n", answer->hit.value,
		       answer->hit.where);
	printf("# %.1f us, %zu threads, %zu unwound, %" PRIu64 " bytes\n",
	       (double)(now_ns() - start) / 1000, answer->stats.nr_threads,
	       answer->stats.nr_unwound, answer->stats.bytes);
}

/* What a scene of one thread must give. */
struct scene {
	const char *program;
	const char *name;
	int want;
	bool unproven;
	size_t nr_unwound;
	bool in_register; /* where the hit is */
	int conservative; /* the answer without the unwinder */
};

static void scene_check(const struct scene *scene)
{
	owned(actor_release) struct actor actor = { 0 };
	struct answer answer = { 0 };

	printf("# %s %s\n", scene->program, scene->name);
	CHECK_EQ(actor_play(&actor, scene->program, scene->name, 1), 0);
	actor_ask(&actor, false, &answer);
	CHECK_EQ(answer.r, scene->want);
	CHECK_EQ(answer.stats.nr_unwound, scene->nr_unwound);
	if (scene->want) {
		CHECK_EQ(answer.hit.tid, actor.pid);
		CHECK_EQ(answer.hit.range, 0);
		CHECK_EQ(answer.hit.unproven, scene->unproven);
		CHECK_EQ(answer.hit.where == 0, scene->in_register);
		CHECK(answer.hit.value >= actor.probe.start &&
		      answer.hit.value <= actor.probe.end);
	}
	actor_ask(&actor, true, &answer);
	CHECK_EQ(answer.r, scene->conservative);
}

#define SCENE(test_name, ...)                                                  \
	TEST(test_name)                                                        \
	{                                                                      \
		scene_check(&(struct scene){ "stack_scenes", __VA_ARGS__ });   \
	}

/*    test           scene      hit unproven unwound in_register conservative */
SCENE(not_on_stack, "free",	  0, false, 0, false, 0)
SCENE(deep_callers, "deep",	  1, false, 1, false, 1)
SCENE(in_library,   "blocked",	  1, false, 1, false, 1)
SCENE(noreturn_last, "last",	  1, false, 1, false, 1)
SCENE(stale_words,  "stale",	  0, false, 1, false, 1)

/* Nothing can be proven through code that does not tell its frame... */
SCENE(without_cfi,  "nocfi",	  1, true, 1, false, 1)
SCENE(without_cfi_stale, "nocfi-stale-above", 1, true, 1, false, 1)
/* ...but what lies below it is accounted for. */
SCENE(without_cfi_below, "nocfi-stale-below", 0, false, 1, false, 1)
/* The target's tables cannot keep us, and the target, for ever. */
SCENE(endless_tables, "endless-cfi", 1, true, 1, false, 1)
SCENE(more_frames_than_we_take, "too-deep", 1, true, 1, false, 1)

/* A signal interrupts the code: its pc is no return address. */
SCENE(interrupted,  "handler",	  1, false, 1, true, 1)
SCENE(interrupted_at_first_byte, "faults", 1, false, 1, true, 1)
SCENE(alternate_stack, "handler-alternate", 1, false, 1, false, 1)
SCENE(alternate_stack_stale, "handler-alternate-free", 0, false, 1, false, 1)

SCENE(coroutine_unseen, "coroutine", 0, false, 0, false, 0)
SCENE(on_coroutine, "in-coroutine", 0, false, 1, false, 1)

/* A thread that stands elsewhere has left its own stack with frames on it. */
SCENE(moved_by_hand, "moved",	  1, false, 1, false, 1)
SCENE(moved_by_hand_stale, "moved-stale", 0, false, 1, false, 1)
SCENE(left_for_coroutine, "left-for-coroutine", 1, true, 1, false, 1)

/* The pc itself needs no unwinder. (Or it is still writing "ready".) */
TEST(spinning)
{
	owned(actor_release) struct actor actor = { 0 };
	struct answer answer = { 0 };

	CHECK_EQ(actor_play(&actor, "stack_scenes", "spins", 1), 0);
	actor_ask(&actor, false, &answer);
	CHECK_EQ(answer.r, 1);
	CHECK(!answer.hit.unproven);
	CHECK_EQ(answer.stats.nr_unwound, answer.hit.where ? 1 : 0);
}

/* Code without tables: found, never cleared. */
TEST(code_without_tables)
{
	scene_check(&(struct scene){ "stack_nounwind", "free", 0, false, 0,
				     false, 0 });
	if (!tap_failed)
		scene_check(&(struct scene){ "stack_nounwind", "deep", 1, true,
					     1, false, 1 });
	if (!tap_failed)
		scene_check(&(struct scene){ "stack_nounwind", "stale", 1, true,
					     1, false, 1 });
}

/* gcc -static makes no .eh_frame_hdr; .eh_frame is there all the same. */
TEST(static_program)
{
	scene_check(&(struct scene){ "stack_static", "free", 0, false, 0,
				     false, 0 });
	if (!tap_failed)
		scene_check(&(struct scene){ "stack_static", "deep", 1, false,
					     1, false, 1 });
	if (!tap_failed)
		scene_check(&(struct scene){ "stack_static", "stale", 0, false,
					     1, false, 1 });
}

TEST(musl_static)
{
	scene_check(&(struct scene){ "stack_musl", "free", 0, false, 0, false,
				     0 });
	if (!tap_failed)
		scene_check(&(struct scene){ "stack_musl", "deep", 1, true, 1,
					     false, 1 });
	if (!tap_failed)
		scene_check(&(struct scene){ "stack_musl", "handler-alternate",
					     1, true, 1, false, 1 });
}

/*
 * What the kernel puts on a first stack is never taken for a signal frame, as
 * many variables as there may be between it and what start-up left there.
 */
TEST(any_environment)
{
	static char variable[] = "V=", *environment[41];

	for (size_t nr = 0; nr < ARRAY_SIZE(environment); nr++) {
		owned(actor_release) struct actor actor = { 0 };
		struct answer answer = { 0 };

		if (nr)
			environment[nr - 1] = variable;
		CHECK_EQ(actor_play_in(&actor, "stack_musl", "free", 1,
				       environment), 0);
		actor_ask(&actor, false, &answer);
		CHECK_EQ(answer.r, 0);
		CHECK_EQ(answer.stats.nr_unwound, 0);
	}
}

/* Every thread of glibc's unwinds to its very first frame. */
TEST(complete_unwinds)
{
	static struct unwind_frames frames;
	owned(actor_release) struct actor actor = { 0 };
	const struct module *module;

	CHECK_EQ(actor_play(&actor, "stack_scenes", "threads-free", 4), 0);
	CHECK_EQ(actor.tracee->nr_threads, 4);
	for (int round = 0; round < 2; round++) {
		for (size_t i = 0; i < actor.tracee->nr_threads; i++) {
			uint64_t start = now_ns();

			CHECK_EQ(unwinder_walk(actor.unwinder,
					       &actor.tracee->threads[i],
					       &frames, NULL), 0);
			printf("# %zu frames in %.1f us\n", frames.nr,
			       (double)(now_ns() - start) / 1000);
			CHECK(frames.complete);
			CHECK(frames.nr > 3);
			CHECK(!frames.returns[0] && frames.returns[1]);
			CHECK_EQ(frames.nr_spans, 1);
		}
	}
	/* The main thread, whose outermost frame is the program's _start. */
	CHECK_EQ(unwinder_walk(actor.unwinder, &actor.tracee->threads[0],
			       &frames, NULL), 0);
	module = modules_find(&actor.modules, frames.pcs[frames.nr - 1]);
	CHECK(module && module->is_executable);
	CHECK(frames.pcs[frames.nr - 1] - module->entry < 64);
}

/* Nothing of a stack is remembered: the thread may have run since. */
TEST(stacks_are_read_afresh)
{
	static struct unwind_frames frames;
	owned(actor_release) struct actor actor = { 0 };
	struct answer answer = { 0 };
	const struct thread *thread;
	hf_addr zero = 0;

	CHECK_EQ(actor_play(&actor, "stack_scenes", "deep", 1), 0);
	thread = &actor.tracee->threads[0];
	actor_ask(&actor, false, &answer);
	CHECK_EQ(answer.r, 1);
	CHECK_EQ(process_write(actor.process, answer.hit.where, &zero,
			       sizeof(zero)), 0);
	CHECK_EQ(unwinder_walk(actor.unwinder, thread, &frames, NULL), 0);
	CHECK(!frames.complete);
	CHECK_EQ(frames.pcs[frames.nr - 1], 0);
	CHECK_EQ(process_write(actor.process, answer.hit.where,
			       &answer.hit.value, sizeof(hf_addr)), 0);
	CHECK_EQ(unwinder_walk(actor.unwinder, thread, &frames, NULL), 0);
	CHECK(frames.complete);
}

/* One thread of four is inside; it is named. */
TEST(one_of_many)
{
	owned(actor_release) struct actor actor = { 0 };
	struct answer answer = { 0 };

	CHECK_EQ(actor_play(&actor, "stack_scenes", "threads", 4), 0);
	actor_ask(&actor, false, &answer);
	CHECK_EQ(answer.r, 1);
	CHECK(answer.hit.tid != actor.pid);
	CHECK(!answer.hit.unproven);
}

/* A stack pointer that leads nowhere proves nothing. */
TEST(stack_not_mapped)
{
	owned(actor_release) struct actor actor = { 0 };
	struct answer answer = { 0 };

	CHECK_EQ(actor_play(&actor, "stack_scenes", "free", 1), 0);
	actor.tracee->threads[0].regs.rsp = 0x1000;
	actor_ask(&actor, false, &answer);
	CHECK_EQ(answer.r, 1);
	CHECK(answer.hit.unproven);
	CHECK_EQ(answer.hit.value, 0);
}

/* Whatever the kernel has joined to a thread's stack, its end is known. */
TEST(stack_ends_at_control_block)
{
	owned(actor_release) struct actor actor = { 0 };
	struct answer answer = { 0 };
	const struct thread *thread;
	struct stack_query query;

	CHECK_EQ(actor_play(&actor, "stack_scenes", "threads-free", 4), 0);
	thread = &actor.tracee->threads[3];
	query = query_of(&actor, &answer);
	CHECK_EQ(stack_check(&query, thread, &answer.hit, NULL), 0);
	CHECK_EQ(answer.stats.bytes,
		 thread->regs.fs_base - align_down(thread->regs.rsp - 128, 8));
}

/* What is too far up the stack to be looked at takes the unwinder. */
TEST(far_up_the_stack)
{
	static const struct {
		const char *scene;
		int want;
		bool unproven;
	} cases[] = {
		{ "far", 1, false },
		{ "far-free", 0, false },
		{ "far-nocfi", 1, true },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		owned(actor_release) struct actor actor = { 0 };
		struct answer answer = { 0 };

		CHECK_EQ(actor_play(&actor, "stack_scenes", cases[i].scene, 2),
			 0);
		actor_ask(&actor, false, &answer);
		CHECK_EQ(answer.r, cases[i].want);
		CHECK_EQ(answer.hit.unproven, cases[i].unproven);
		CHECK_EQ(answer.stats.nr_unwound, 1);
		CHECK(!answer.hit.unproven || !answer.hit.value);
	}
}

/* The 128 bytes below the stack pointer count, and no more. */
TEST(red_zone)
{
	owned(actor_release) struct actor actor = { 0 };
	struct answer answer = { 0 };
	hf_addr where;

	CHECK_EQ(actor_play(&actor, "stack_scenes", "deep", 1), 0);
	actor_ask(&actor, false, &answer);
	CHECK_EQ(answer.r, 1);
	where = answer.hit.where;
	actor.tracee->threads[0].regs.rsp = where + 128;
	actor_ask(&actor, true, &answer);
	CHECK_EQ(answer.r, 1);
	CHECK_EQ(answer.hit.where, where);
	actor.tracee->threads[0].regs.rsp = where + 136;
	actor_ask(&actor, true, &answer);
	CHECK_EQ(answer.r, 0);
}

/* An image's tables are found through its ELF header. The program plays the
 * image here: as if modules_read() had not known it. */
TEST(through_an_image)
{
	static struct unwind_frames frames;
	owned(unwinder_free_p) struct unwinder *unwinder = NULL;
	owned(actor_release) struct actor actor = { 0 };
	struct module *module = NULL;
	struct hf_diag diag = { 0 };
	const struct thread *thread;

	CHECK_EQ(actor_play(&actor, "stack_scenes", "deep", 1), 0);
	thread = &actor.tracee->threads[0];
	for (size_t i = 0; i < actor.modules.nr; i++)
		if (actor.modules.entries[i].is_executable)
			module = &actor.modules.entries[i];
	CHECK(module);
	module->eh_frame_hdr = 0;
	CHECK_EQ(unwinder_new(actor.process, &actor.modules, &unwinder, &diag),
		 0);
	CHECK_EQ(unwinder_walk(unwinder, thread, &frames, &diag), 0);
	CHECK(!frames.complete);

	CHECK_EQ(unwinder_add_image(unwinder, module->range.start, &diag), 0);
	CHECK_EQ(unwinder_walk(unwinder, thread, &frames, &diag), 0);
	CHECK(frames.complete);

	CHECK_EQ(unwinder_add_image(unwinder, module->range.start + 64, &diag),
		 -EBADMSG);
	CHECK_CONTAINS(diag.message, "no ELF image");
	CHECK_EQ(unwinder_add_image(unwinder, 0x1000, &diag), -EFAULT);
}

/* A word in a register is a suspect; the unwinder clears it. */
TEST(word_in_register)
{
	owned(actor_release) struct actor actor = { 0 };
	struct answer answer = { 0 };

	CHECK_EQ(actor_play(&actor, "stack_scenes", "free", 1), 0);
	actor.tracee->threads[0].regs.r12 = actor.probe.start;
	actor_ask(&actor, true, &answer);
	CHECK_EQ(answer.r, 1);
	CHECK_EQ(answer.hit.where, 0);
	actor_ask(&actor, false, &answer);
	CHECK_EQ(answer.r, 0);
	CHECK_EQ(answer.stats.nr_unwound, 1);
}

/* The last instruction makes a system call, which may be made again. */
TEST(in_system_call_at_the_end)
{
	owned(actor_release) struct actor actor = { 0 };
	struct answer answer = { 0 };

	CHECK_EQ(actor_play(&actor, "stack_scenes", "free", 1), 0);
	actor.probe.end = actor.tracee->threads[0].regs.rip;
	actor.probe.start = actor.probe.end - 8;
	actor.tracee->threads[0].regs.orig_rax = 0;
	actor_ask(&actor, false, &answer);
	CHECK_EQ(answer.r, 1);
	CHECK_EQ(answer.stats.bytes, 0);

	actor.tracee->threads[0].regs.orig_rax = (unsigned long long)-1;
	actor.tracee->threads[0].regs.rip += 0x10;
	actor.probe.start += 0x10;
	actor.probe.end += 0x10;
	actor_ask(&actor, false, &answer);
	CHECK_EQ(answer.r, 0);
}

static int scan_memory(struct actor *actor, struct answer *answer)
{
	struct stack_query query = query_of(actor, answer);
	struct hf_diag diag = { 0 };
	int r;

	r = stack_scan_memory(&query, actor->tracee, &answer->hit, &diag);
	if (r < 0)
		printf("# %s\n", diag.message);
	return r;
}

/* Only --scan=all sees a coroutine that waits on a stack of its own. */
TEST(coroutine_found_in_memory)
{
	owned(actor_release) struct actor actor = { 0 };
	const struct mapping *mapping;
	struct answer answer = { 0 };

	CHECK_EQ(actor_play(&actor, "stack_scenes", "coroutine", 1), 0);
	actor_ask(&actor, false, &answer);
	CHECK_EQ(answer.r, 0);
	CHECK_EQ(scan_memory(&actor, &answer), 1);
	CHECK_EQ(answer.hit.tid, 0);
	CHECK(answer.hit.unproven);
	mapping = mappings_find(&actor.mappings, answer.hit.where);
	CHECK(mapping);
	CHECK_STR(mapping->path, "[heap]");
}

/* Not by other coroutines, nor by what threads' own stacks still hold. */
TEST(memory_without_hits)
{
	static const char *const scenes[] = { "coroutine-free", "stale",
					      "blocked" };

	for (size_t i = 0; i < ARRAY_SIZE(scenes); i++) {
		owned(actor_release) struct actor actor = { 0 };
		struct answer answer = { 0 };

		CHECK_EQ(actor_play(&actor, "stack_scenes", scenes[i], 1), 0);
		CHECK_EQ(scan_memory(&actor, &answer), 0);
		printf("# %s: %" PRIu64 " bytes\n", scenes[i],
		       answer.stats.bytes);
		CHECK(answer.stats.bytes > HF_PAGE_SIZE);
	}
}

/* A thread's stack is passed over, although nobody calls it [stack]. */
TEST(memory_of_threads)
{
	owned(actor_release) struct actor actor = { 0 };
	struct answer answer = { 0 };

	CHECK_EQ(actor_play(&actor, "stack_scenes", "threads", 4), 0);
	CHECK_EQ(scan_memory(&actor, &answer), 0);
}

static struct memory_pointers count_pointers(struct actor *actor,
					     struct range skip)
{
	struct memory_pointers found = { 0 };
	struct hf_diag diag = { 0 };

	if (memory_scan_pointers(actor->process, &actor->mappings, actor->probe,
				 skip, &found, &diag) < 0)
		printf("# %s\n", diag.message);
	return found;
}

/* A pointer to the start is a function pointer; one into it is not. */
TEST(memory_pointers)
{
	owned(actor_release) struct actor actor = { 0 };
	struct range nothing = { 0, 0 }, page;
	const struct mapping *mapping;
	struct memory_pointers found;
	struct answer answer = { 0 };

	CHECK_EQ(actor_play(&actor, "stack_scenes", "pointers", 1), 0);
	CHECK_EQ(scan_memory(&actor, &answer), 1);
	CHECK_EQ(answer.hit.value, actor.probe.start + 1);

	/* Three in private memory, one in shared memory. */
	found = count_pointers(&actor, nothing);
	CHECK_EQ(found.nr_found, 4);
	CHECK_EQ(found.first_value, actor.probe.start);
	CHECK_EQ(found.first_where, answer.hit.where - 8);
	CHECK_EQ(found.nr_unreadable, 0);

	page.start = found.first_where + 2 * HF_PAGE_SIZE;
	page.end = page.start + HF_PAGE_SIZE;
	CHECK_EQ(count_pointers(&actor, page).nr_found, 3);
	mapping = mappings_find(&actor.mappings, found.first_where);
	CHECK(mapping);
	found = count_pointers(&actor, mapping->range);
	CHECK_EQ(found.nr_found, 1);
	CHECK_EQ(found.first_value, actor.probe.start + 3);
}

/* Memory that has gone since its mapping was read is counted, not fatal. */
TEST(memory_unreadable)
{
	owned(actor_release) struct actor actor = { 0 };
	struct mapping *gone;
	struct memory_pointers found;

	CHECK_EQ(actor_play(&actor, "stack_scenes", "pointers", 1), 0);
	gone = &actor.mappings.entries[0];
	CHECK(!(gone->protection & PROT_WRITE));
	gone->range = (struct range){ 0x10000, 0x13000 };
	gone->protection = PROT_READ | PROT_WRITE;
	gone->shared = true;
	found = count_pointers(&actor, (struct range){ 0, 0 });
	CHECK_EQ(found.nr_unreadable, 3);
	CHECK_EQ(found.nr_found, 4);
}

/* Of two threads on one stack nobody can say what is dead. */
TEST(stack_of_two_threads)
{
	owned(actor_release) struct actor actor = { 0 };
	owned(free_p) struct range *own = NULL;
	struct thread *threads;
	size_t nr_own = 0;

	CHECK_EQ(actor_play(&actor, "stack_scenes", "threads-stale", 4), 0);
	threads = actor.tracee->threads;
	threads[2].regs.rsp = threads[3].regs.rsp - 64;
	CHECK_EQ(stack_own_parts(&actor.mappings, actor.tracee, &own, &nr_own,
				 NULL), 0);
	CHECK_EQ(nr_own, 2);
}

/* What calls have left behind on the threads' own stacks is no pointer. */
TEST(memory_pointers_on_dead_stacks)
{
	static const struct {
		const char *scene;
		size_t nr_threads;
	} cases[] = { { "stale", 1 }, { "threads-stale", 4 } };

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		owned(actor_release) struct actor actor = { 0 };
		owned(free_p) struct range *own = NULL;
		struct memory_pointers found;
		size_t nr_own = 0;

		CHECK_EQ(actor_play(&actor, "stack_scenes", cases[i].scene,
				    cases[i].nr_threads), 0);
		CHECK_EQ(stack_own_parts(&actor.mappings, actor.tracee, &own,
					 &nr_own, NULL), 0);
		CHECK_EQ(nr_own, cases[i].nr_threads);
		CHECK_EQ(memory_scan_pointers_except(actor.process,
						     &actor.mappings,
						     actor.probe, NULL, 0,
						     &found, NULL), 0);
		CHECK(found.nr_found > 0);
		CHECK_EQ(memory_scan_pointers_except(actor.process,
						     &actor.mappings,
						     actor.probe, own, nr_own,
						     &found, NULL), 0);
		CHECK_EQ(found.nr_found, 0);
	}
}

int main(int argc, char **argv)
{
	return tap_main(argc, argv);
}
