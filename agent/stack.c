/*
 * One thread's stack, looked at word by word, and unwound when that is not
 * enough.
 *
 * What is collected are `suspects`: words that could be a return address into
 * one of the ranges. With none, and with all of the stack seen, the thread is
 * free. A program counter inside a range needs no further proof. Else the
 * unwinder's frames decide; suspects outside its known spans stay suspects when
 * it did not reach the outermost frame.
 */
#include "stack.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "restart.h"

#define RED_ZONE 128
#define CHUNK_WORDS 8192 /* below malloc's threshold for a mapping of its own */
#define STACKS_MAX 8
#define SUSPECTS_MAX 64
/*
 * A coroutine's stack may lie in gigabytes of heap, and everybody waits while
 * we look: this much takes less than a millisecond. Beyond it the unwinder
 * decides.
 */
#define SCAN_MAX (1ull << 20)

/*
 * The kernel's struct rt_sigframe on x86-64, in words, seen from the one that
 * holds the segment registers: user code has cs 0x33 and, since Linux 4.7, ss
 * 0x2b is saved as well.
 */
#define FRAME_SEGMENTS	   0x002b000000000033ull
#define FRAME_SEGMENTS_OLD 0x0000000000000033ull
#define FRAME_FLAGS_BACK   23 /* uc_flags, a small number */
#define FRAME_SP_BACK	   3
#define FRAME_EFLAGS_BACK  1
#define FRAME_FLAGS_MAX	   16
/* Bit 1 of the processor's flags is always set, those above 21 never are. */
#define EFLAGS_ONE 0x2ull
#define EFLAGS_MAX (1ull << 22)

struct scan {
	const struct stack_query *query;
	const struct thread *thread;
	struct range hull; /* of all ranges */
	struct stack_hit suspects[SUSPECTS_MAX];
	size_t nr_suspects;
	struct range stacks[STACKS_MAX]; /* to be looked at, and seen */
	size_t nr_stacks;
	struct range home; /* its own stack, if it stands on another one */
	bool partly; /* there is more than what was seen */
	bool hidden; /* a return address is kept by the kernel */
	uint64_t *words; /* FRAME_FLAGS_BACK of the chunk before, the chunk */
};

/* --- ranges --------------------------------------------------------------- */

static struct range ranges_hull(const struct range *ranges, size_t nr)
{
	struct range hull = { UINT64_MAX, 0 };

	for (size_t i = 0; i < nr; i++) {
		if (ranges[i].start < hull.start)
			hull.start = ranges[i].start;
		if (ranges[i].end > hull.end)
			hull.end = ranges[i].end;
	}
	return hull;
}

/* The range that executes at @code, or nr_ranges. */
static size_t range_of_code(const struct stack_query *query, hf_addr code)
{
	size_t i;

	for (i = 0; i < query->nr_ranges; i++)
		if (range_contains(&query->ranges[i], code))
			break;
	return i;
}

/*
 * The range that @word could lead into, or nr_ranges. The end is included: a
 * call that never returns may be a function's last instruction.
 */
static size_t range_of_word(const struct stack_query *query, uint64_t word)
{
	size_t i;

	for (i = 0; i < query->nr_ranges; i++)
		if (word >= query->ranges[i].start &&
		    word <= query->ranges[i].end)
			break;
	return i;
}

/* --- collecting ----------------------------------------------------------- */

static void suspect_add(struct scan *scan, uint64_t word, hf_addr where)
{
	size_t range;

	scan->hidden |= range_contains(&scan->query->return_probes, word);
	if (word < scan->hull.start || word > scan->hull.end)
		return;
	range = range_of_word(scan->query, word);
	if (range == scan->query->nr_ranges)
		return;
	if (scan->nr_suspects == SUSPECTS_MAX) {
		scan->partly = true;
		return;
	}
	scan->suspects[scan->nr_suspects++] = (struct stack_hit){
		.tid = scan->thread->tid,
		.range = range,
		.value = word,
		.where = where,
	};
}

static bool is_stack_memory(const struct mapping *mapping)
{
	int wanted = PROT_READ | PROT_WRITE;

	return mapping && (mapping->protection & wanted) == wanted;
}

/*
 * The mapping of a stack pointer. On an empty stack it is the first byte behind
 * its stack, and may belong to something else.
 */
static const struct mapping *stack_mapping(const struct mappings *mappings,
					   hf_addr stack_pointer)
{
	const struct mapping *mapping;

	mapping = mappings_find(mappings, stack_pointer);
	if (!is_stack_memory(mapping))
		mapping = mappings_find(mappings, stack_pointer - 1);
	return is_stack_memory(mapping) ? mapping : NULL;
}

/*
 * The kernel splits a mapping when advice or locking differs inside of it, so
 * neighbours count as one.
 */
static hf_addr neighbours_end(const struct mappings *mappings,
			      const struct mapping *mapping)
{
	const struct mapping *past = mappings->entries + mappings->nr;
	hf_addr end = mapping->range.end;

	while (++mapping < past && mapping->range.start == end &&
	       is_stack_memory(mapping))
		end = mapping->range.end;
	return end;
}

/*
 * From a stack pointer to the end of its stack. The kernel also joins what was
 * mapped separately; a thread's control block (fs) is no stack, so that one
 * below it ends there. (Not the first stack, where start-up code may have made
 * room for the block.)
 */
static int stack_extent(const struct mappings *mappings, hf_addr stack_pointer,
			hf_addr control_block, struct range *ret_stack,
			bool *ret_partly)
{
	hf_addr start = align_down(stack_pointer - RED_ZONE, sizeof(uint64_t));
	const struct mapping *mapping;
	hf_addr end;

	mapping = stack_mapping(mappings, stack_pointer);
	if (!mapping)
		return -ENOENT;
	end = neighbours_end(mappings, mapping);
	if (control_block > stack_pointer && control_block < end &&
	    strcmp(mapping->path, "[stack]"))
		end = align_up(control_block, sizeof(uint64_t));
	if (start < mapping->range.start)
		start = mapping->range.start;
	*ret_partly = end - start > SCAN_MAX;
	if (*ret_partly)
		end = start + SCAN_MAX;
	*ret_stack = (struct range){ start, end };
	return 0;
}

/* Puts the stack of a stack pointer on the list, if it is not there yet. */
static void stack_add(struct scan *scan, hf_addr stack_pointer)
{
	struct range stack;
	bool partly;

	if (stack_extent(scan->query->mappings, stack_pointer,
			 scan->thread->regs.fs_base, &stack, &partly) < 0) {
		scan->partly = true;
		return;
	}
	for (size_t i = 0; i < scan->nr_stacks; i++) {
		if (stack.start >= scan->stacks[i].start &&
		    stack.end <= scan->stacks[i].end)
			return;
	}
	scan->partly |= partly;
	if (scan->nr_stacks == STACKS_MAX)
		scan->partly = true;
	else
		scan->stacks[scan->nr_stacks++] = stack;
}

/*
 * The processor's flags tell a frame from what only looks like one: on every
 * first stack stands AT_MINSIGSTKSZ, which is 0x33, with a pointer before it.
 */
static bool is_signal_frame(const uint64_t *segments)
{
	uint64_t eflags = segments[-FRAME_EFLAGS_BACK];

	return (*segments == FRAME_SEGMENTS ||
		*segments == FRAME_SEGMENTS_OLD) &&
	       segments[-FRAME_FLAGS_BACK] < FRAME_FLAGS_MAX &&
	       (eflags & EFLAGS_ONE) && eflags < EFLAGS_MAX;
}

/* @words[i] and FRAME_FLAGS_BACK words before it can be read. */
static void look_for_signal_frame(struct scan *scan, const uint64_t *words,
				  size_t i)
{
	if (is_signal_frame(&words[i]))
		stack_add(scan, words[i - FRAME_SP_BACK]);
}

/* Pages of a file may have to be brought by whoever has the file system. */
static bool is_within_reach(const struct scan *scan, const struct range *stack)
{
	const struct mapping *mapping =
		mappings_find(scan->query->mappings, stack->start);

	return !mapping || !mapping->inode ||
	       pages_present(scan->query->process, stack);
}

static int stack_scan(struct scan *scan, const struct range *stack)
{
	uint64_t *words = scan->words + FRAME_FLAGS_BACK;
	hf_addr at = stack->start;

	if (!is_within_reach(scan, stack))
		return -EFAULT;
	memset(scan->words, 0xff, FRAME_FLAGS_BACK * sizeof(*words));
	while (at < stack->end) {
		size_t nr = (stack->end - at) / sizeof(*words);
		int r;

		if (nr > CHUNK_WORDS)
			nr = CHUNK_WORDS;
		r = process_peek(scan->query->process, at, words,
				 nr * sizeof(*words));
		if (r < 0)
			return r;
		for (size_t i = 0; i < nr; i++) {
			suspect_add(scan, words[i], at + i * sizeof(*words));
			look_for_signal_frame(scan, words, i);
		}
		memmove(scan->words, words + nr - FRAME_FLAGS_BACK,
			FRAME_FLAGS_BACK * sizeof(*words));
		at += nr * sizeof(*words);
	}
	return 0;
}

/*
 * The stack that was made for the thread: the kernel's, or the one below its
 * control block. Empty where it is not known.
 */
static struct range home_stack(const struct scan *scan)
{
	const struct mappings *mappings = scan->query->mappings;
	hf_addr control_block = scan->thread->regs.fs_base;
	const struct mapping *mapping = NULL;
	struct range home;

	if (scan->thread->tid != scan->query->process->pid) {
		mapping = mappings_find(mappings, control_block);
		if (!is_stack_memory(mapping) ||
		    (*mapping->path && strncmp(mapping->path, "[anon:", 6)))
			return (struct range){ 0, 0 };
		home = (struct range){ mapping->range.start,
				       align_down(control_block,
						  sizeof(uint64_t)) };
	} else {
		for (size_t i = 0; !mapping && i < mappings->nr; i++)
			if (!strcmp(mappings->entries[i].path, "[stack]"))
				mapping = &mappings->entries[i];
		if (!mapping)
			return (struct range){ 0, 0 };
		home = mapping->range;
	}
	if (home.end - home.start > SCAN_MAX)
		home.start = home.end - SCAN_MAX;
	return home;
}

/*
 * A thread that was moved to another stack by hand has left frames behind on its
 * own. Nothing tells how deep they reach: all of it is looked at, unless a signal
 * frame has led there.
 */
static void home_add(struct scan *scan)
{
	struct range home = home_stack(scan);

	if (home.start >= home.end)
		return;
	for (size_t i = 0; i < scan->nr_stacks; i++)
		if (scan->stacks[i].start < home.end &&
		    home.start < scan->stacks[i].end)
			return;
	scan->home = home;
	if (scan->nr_stacks == STACKS_MAX)
		scan->partly = true;
	else
		scan->stacks[scan->nr_stacks++] = home;
}

static void registers_scan(struct scan *scan)
{
	const struct user_regs_struct *regs = &scan->thread->regs;
	const uint64_t values[] = {
		regs->rax, regs->rbx, regs->rcx, regs->rdx, regs->rsi,
		regs->rdi, regs->rbp, regs->r8,	 regs->r9,  regs->r10,
		regs->r11, regs->r12, regs->r13, regs->r14, regs->r15,
	};

	for (size_t i = 0; i < ARRAY_SIZE(values); i++)
		suspect_add(scan, values[i], 0);
}

/* Return: 0 with scan->partly where not all was seen; -ESRCH. */
static int thread_scan(struct scan *scan)
{
	registers_scan(scan);
	stack_add(scan, scan->thread->regs.rsp);
	/* The list grows as signal frames are met, and once at its end. */
	for (size_t i = 0; i < scan->nr_stacks; i++) {
		int r = stack_scan(scan, &scan->stacks[i]);

		if (r == -ESRCH)
			return r;
		if (r < 0)
			scan->partly = true;
		if (scan->query->stats)
			scan->query->stats->bytes +=
				scan->stacks[i].end - scan->stacks[i].start;
		if (i + 1 == scan->nr_stacks && !scan->home.end)
			home_add(scan);
	}
	return 0;
}

/* --- deciding ------------------------------------------------------------- */

/*
 * A thread in a system call stands behind the instruction that makes it, which
 * may be the last one of a function; the kernel may take it back to make the
 * call again.
 */
static bool pc_is_hit(const struct stack_query *query,
		      const struct thread *thread, struct stack_hit *ret_hit)
{
	hf_addr pc = thread->regs.rip;
	bool in_syscall = regs_syscall(&thread->regs) >= 0;
	size_t range = range_of_code(query, pc);

	if (range == query->nr_ranges && in_syscall)
		range = range_of_code(query, pc - 1);
	if (range == query->nr_ranges)
		return false;
	*ret_hit = (struct stack_hit){
		.tid = thread->tid,
		.range = range,
		.value = pc,
	};
	return true;
}

static bool frames_hit(const struct stack_query *query,
		       const struct thread *thread,
		       const struct unwind_frames *frames,
		       struct stack_hit *ret_hit)
{
	for (size_t i = 0; i < frames->nr; i++) {
		size_t range =
			range_of_code(query, unwind_frame_code(frames, i));

		if (range == query->nr_ranges)
			continue;
		*ret_hit = (struct stack_hit){
			.tid = thread->tid,
			.range = range,
			.value = frames->pcs[i],
			.where = frames->returns[i] ?
				frames->stack_pointers[i] - sizeof(hf_addr) : 0,
		};
		return true;
	}
	return false;
}

/*
 * Is @where in a part of the stack whose frames are all known? A span that
 * leaves its mapping has crossed to another stack and says nothing.
 */
static bool spans_account_for(const struct mappings *mappings,
			      const struct unwind_frames *frames,
			      hf_addr where)
{
	for (size_t i = 0; i < frames->nr_spans; i++) {
		const struct range *span = &frames->spans[i];
		const struct mapping *mapping;

		if (!range_contains(span, where))
			continue;
		mapping = mappings_find(mappings, where);
		if (mapping && span->end <= mapping->range.end)
			return true;
	}
	return false;
}

/* The first suspect that an incomplete unwind leaves; see stack_hit.value. */
static bool suspects_left(const struct scan *scan,
			  const struct unwind_frames *frames,
			  struct stack_hit *ret_hit)
{
	const struct stack_hit hit = {
		.tid = scan->thread->tid,
		.unproven = true,
		.hidden = scan->hidden,
	};

	for (size_t i = 0; i < scan->nr_suspects; i++) {
		hf_addr where = scan->suspects[i].where;

		if (where && spans_account_for(scan->query->mappings, frames,
					       where))
			continue;
		*ret_hit = scan->suspects[i];
		ret_hit->unproven = true;
		return true;
	}
	if (scan->partly || scan->hidden)
		*ret_hit = hit;
	return scan->partly || scan->hidden;
}

/*
 * A hit on the stack that the thread has left. Frames that lead back there have
 * told what is alive on it; without one even a complete unwind, to the start of
 * a coroutine, has not.
 */
static bool home_hit(const struct scan *scan,
		     const struct unwind_frames *frames,
		     struct stack_hit *ret_hit)
{
	for (size_t i = 0; i < frames->nr; i++)
		if (range_contains(&scan->home, frames->stack_pointers[i]))
			return false;
	for (size_t i = 0; i < scan->nr_suspects; i++) {
		if (!range_contains(&scan->home, scan->suspects[i].where))
			continue;
		*ret_hit = scan->suspects[i];
		ret_hit->unproven = true;
		return true;
	}
	return false;
}

static int unwind(const struct stack_query *query, const struct thread *thread,
		  struct unwind_frames *ret_frames, struct hf_diag *diag)
{
	if (query->stats)
		query->stats->nr_unwound++;
	if (query->unwinder)
		return unwinder_walk(query->unwinder, thread, ret_frames, diag);
	return unwind_thread(query->process, query->modules, thread, ret_frames,
			     diag);
}

static int thread_decide(const struct scan *scan, struct stack_hit *ret_hit,
			 struct hf_diag *diag)
{
	owned(free_p) struct unwind_frames *frames = NULL;
	int r;

	frames = malloc(sizeof(*frames));
	if (!frames)
		return hf_fail(diag, -ENOMEM, "cannot unwind thread %d",
			       scan->thread->tid);
	r = unwind(scan->query, scan->thread, frames, diag);
	if (r < 0)
		return r;
	if (frames_hit(scan->query, scan->thread, frames, ret_hit))
		return 1;
	if ((!frames->complete || scan->hidden) &&
	    suspects_left(scan, frames, ret_hit))
		return 1;
	return home_hit(scan, frames, ret_hit);
}

struct range stack_return_probes(const struct mappings *mappings)
{
	for (size_t i = 0; i < mappings->nr; i++)
		if (!strcmp(mappings->entries[i].path, "[uprobes]"))
			return mappings->entries[i].range;
	return (struct range){ 0, 0 };
}

int stack_check(const struct stack_query *query, const struct thread *thread,
		struct stack_hit *ret_hit, struct hf_diag *diag)
{
	struct scan scan = { .query = query, .thread = thread };
	owned(free_p) uint64_t *words = NULL;
	int r;

	if (thread->state == THREAD_GONE)
		return 0;
	if (query->stats)
		query->stats->nr_threads++;
	if (pc_is_hit(query, thread, ret_hit))
		return 1;

	words = malloc((FRAME_FLAGS_BACK + CHUNK_WORDS) * sizeof(*words));
	if (!words)
		return hf_fail(diag, -ENOMEM, "cannot look at thread %d",
			       thread->tid);
	scan.words = words;
	scan.hull = ranges_hull(query->ranges, query->nr_ranges);
	r = thread_scan(&scan);
	if (r < 0)
		return hf_fail(diag, r, "cannot look at thread %d",
			       thread->tid);

	if (!scan.nr_suspects && !scan.partly && !scan.hidden)
		return 0;
	if (query->conservative && scan.nr_suspects) {
		*ret_hit = scan.suspects[0];
		return 1;
	}
	return thread_decide(&scan, ret_hit, diag);
}
