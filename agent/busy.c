#include "busy.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/io.h"
#include "../lib/text.h"
#include "clock.h"
#include "restart.h"

/* A thread's stack as far as it is copied; a few microseconds each. */
#define STACK_COPY_SIZE 16384
/* Whose frames are spelled out for people; JSON has all of them. */
#define EXPLAIN_FRAMES_MAX 4

struct sighting {
	pid_t tid;
	uint64_t first_ns;
	uint64_t last_ns;
};

/* One thread in the last look. */
struct seen {
	struct stack_hit hit;
	struct thread thread; /* as it was held */
	uint64_t since_ns;
	uint8_t *stack; /* STACK_COPY_SIZE bytes */
	size_t stack_size;
};

struct busy {
	const struct process *process;
	uint64_t look_ns;
	struct seen seen[BUSY_MAX];
	size_t nr; /* may be more than are kept in `seen` */
	struct sighting *sightings; /* who was in the way, and since when */
	size_t nr_sightings;
	uint8_t *stacks;
};

int busy_new(const struct process *process, struct busy **ret_busy,
	     struct hf_diag *diag)
{
	owned(busy_free_p) struct busy *busy = calloc(1, sizeof(*busy));

	if (busy)
		busy->stacks = calloc(BUSY_MAX, STACK_COPY_SIZE);
	if (!busy || !busy->stacks)
		return hf_fail(diag, -ENOMEM, "cannot switch");
	busy->process = process;
	for (size_t i = 0; i < BUSY_MAX; i++)
		busy->seen[i].stack = busy->stacks + i * STACK_COPY_SIZE;
	*ret_busy = take_ptr(busy);
	return 0;
}

void busy_free(struct busy *busy)
{
	if (!busy)
		return;
	free(busy->stacks);
	free(busy->sightings);
	free(busy);
}

/* --- while everything is held --------------------------------------------- */

/* Threads that were not in the way in the last look start anew. */
static void sightings_expire(struct busy *busy)
{
	size_t kept = 0;

	for (size_t i = 0; i < busy->nr_sightings; i++)
		if (busy->sightings[i].last_ns >= busy->look_ns)
			busy->sightings[kept++] = busy->sightings[i];
	busy->nr_sightings = kept;
}

void busy_look(struct busy *busy, uint64_t now_ns)
{
	sightings_expire(busy);
	busy->look_ns = now_ns;
	busy->nr = 0;
}

/* When a thread was first seen in the way without a clean look since. */
static uint64_t sighting_since(struct busy *busy, pid_t tid)
{
	struct sighting *grown;

	for (size_t i = 0; i < busy->nr_sightings; i++) {
		struct sighting *sighting = &busy->sightings[i];

		if (sighting->tid != tid)
			continue;
		sighting->last_ns = busy->look_ns;
		return sighting->first_ns;
	}
	grown = reallocarray(busy->sightings, busy->nr_sightings + 1,
			     sizeof(*grown));
	if (grown) {
		busy->sightings = grown;
		grown[busy->nr_sightings++] = (struct sighting){
			tid, busy->look_ns, busy->look_ns
		};
	}
	return busy->look_ns;
}

/* What is there of it: a stack may end before the copy does. */
static void stack_copy(const struct process *process, struct seen *seen)
{
	hf_addr start = seen->thread.regs.rsp;
	size_t size = STACK_COPY_SIZE;

	seen->stack_size = 0;
	while (!pages_present(process, &(struct range){ start, start + size })) {
		if (size < STACK_COPY_SIZE)
			return;
		size = HF_PAGE_SIZE - start % HF_PAGE_SIZE;
	}
	if (!process_peek(process, start, seen->stack, size))
		seen->stack_size = size;
}

void busy_see(struct busy *busy, const struct thread *thread,
	      const struct stack_hit *hit)
{
	uint64_t first_ns = sighting_since(busy, thread ? thread->tid : 0);
	struct seen *seen = &busy->seen[busy->nr];

	if (busy->nr++ >= BUSY_MAX)
		return;
	seen->hit = *hit;
	seen->since_ns = busy->look_ns - first_ns;
	seen->thread = thread ? *thread : (struct thread){ 0 };
	if (thread)
		stack_copy(busy->process, seen);
}

size_t busy_nr(const struct busy *busy)
{
	return busy->nr;
}

/* --- when everything runs again ------------------------------------------- */

static void thread_name_read(const struct process *process, pid_t tid,
			     char ret_name[17])
{
	struct buffer text = { 0 };
	char path[64];

	snprintf(path, sizeof(path), "task/%d/comm", tid);
	snprintf(ret_name, 17, "?");
	if (!file_read(process->dir, path, 4096, &text, NULL) && text.size)
		snprintf(ret_name, 17, "%.*s", (int)text.size - 1, text.data);
	text_one_line(ret_name);
	buffer_release(&text);
}

static void frame_module(const struct modules *modules,
			 struct busy_frame *frame)
{
	const struct module *module = modules_find(modules, frame->address);
	const char *slash;

	if (!module)
		return;
	slash = strrchr(module->path, '/');
	snprintf(frame->module, sizeof(frame->module), "%.*s",
		 (int)sizeof(frame->module) - 1,
		 slash ? slash + 1 : module->path);
	frame->vaddr = frame->address - module->bias;
}

static void frame_name(struct busy_frame *frame, const char *function,
		       hf_addr start)
{
	snprintf(frame->function, sizeof(frame->function), "%s", function);
	frame->offset = frame->address - start;
}

/* The line is the caller's where a call is to return. */
static void frame_line(struct busy_frame *frame, const struct control *control,
		       hf_addr function, hf_addr code)
{
	const struct manifest *manifest = control->manifest;
	hf_addr bias = control->block.module_bias;
	const char *file;

	for (size_t i = 0; manifest && i < manifest->nr_functions; i++) {
		if (manifest->functions[i].vaddr != function - bias)
			continue;
		frame->line = manifest_line(&manifest->functions[i],
					    code - bias, &file);
		if (frame->line)
			snprintf(frame->source, sizeof(frame->source), "%s",
				 file);
	}
}

/* A part that stands elsewhere has a name of its own, NAME.cold. */
static const char *part_name(const struct control *control,
			     const struct control_range *part)
{
	const struct manifest *manifest = control->manifest;
	uint64_t vaddr = part->start - control->block.module_bias;

	for (size_t i = 0; manifest && i < manifest->nr_functions; i++) {
		const struct manifest_function *function =
			&manifest->functions[i];

		for (size_t k = 0; k < function->nr_parts; k++)
			if (function->parts[k].vaddr == vaddr)
				return function->parts[k].name;
	}
	return control->sites[part->site].name;
}

static bool covers(hf_addr start, uint64_t size, hf_addr code)
{
	return code >= start && code - start < size;
}

static bool frame_in_site(const struct control *control,
			  const struct control_site *site, hf_addr code,
			  struct busy_frame *frame)
{
	if (covers(site->function, site->function_size, code)) {
		frame_name(frame, site->name, site->function);
		frame_line(frame, control, site->function, code);
		return true;
	}
	if (!covers(site->replacement, site->replacement_size, code))
		return false;
	frame_name(frame, site->name, site->replacement);
	snprintf(frame->patch, sizeof(frame->patch), "%s", control->block.name);
	return true;
}

static bool frame_in_part(const struct control *control,
			  const struct control_range *part, hf_addr code,
			  struct busy_frame *frame)
{
	if (code < part->start || code >= part->end)
		return false;
	frame_name(frame, part_name(control, part), part->start);
	frame_line(frame, control, control->sites[part->site].function, code);
	return true;
}

static bool frame_in_control(const struct control *control, hf_addr code,
			     struct busy_frame *frame)
{
	for (size_t i = 0; i < control->block.nr_sites; i++)
		if (frame_in_site(control, &control->sites[i], code, frame))
			return true;
	for (size_t i = 0; i < control->block.nr_old_ranges; i++)
		if (frame_in_part(control, &control->old_ranges[i], code,
				  frame))
			return true;
	return false;
}

/*
 * @code: a byte of the instruction that runs there, or of the call that is to
 * return there. Only functions that a patch replaces, or brings, have names.
 */
static void frame_describe(const struct target *target, hf_addr address,
			   hf_addr code, struct busy_frame *ret_frame)
{
	const struct controls *controls = &target->controls;

	*ret_frame = (struct busy_frame){ .address = address };
	frame_module(&target->modules, ret_frame);
	for (size_t i = 0; i < controls->nr; i++)
		if (!controls->entries[i].damaged &&
		    frame_in_control(&controls->entries[i], code, ret_frame))
			return;
}

/* Return: owned by the caller (free); NULL: they cannot be followed. */
static struct unwind_frames *seen_unwind(const struct seen *seen,
					 struct unwinder *unwinder)
{
	struct unwind_frames *frames = malloc(sizeof(*frames));
	const struct unwind_copy copy = { seen->thread.regs.rsp, seen->stack,
					  seen->stack_size };

	if (frames &&
	    !unwinder_walk_copy(unwinder, &seen->thread, &copy, frames, NULL))
		return frames;
	free(frames);
	return NULL;
}

static size_t nr_described(const struct busy *busy)
{
	return busy->nr < BUSY_MAX ? busy->nr : BUSY_MAX;
}

void busy_warm(const struct busy *busy, struct unwinder *unwinder)
{
	for (size_t i = 0; i < nr_described(busy); i++)
		if (busy->seen[i].thread.tid)
			free(seen_unwind(&busy->seen[i], unwinder));
}

static void frames_describe(const struct seen *seen,
			    const struct target *target,
			    struct unwinder *unwinder,
			    struct busy_thread *thread)
{
	owned(free_p) struct unwind_frames *frames =
		seen_unwind(seen, unwinder);

	if (!frames)
		return;
	while (thread->nr_frames < frames->nr &&
	       thread->nr_frames < BUSY_FRAMES_MAX) {
		size_t i = thread->nr_frames++;

		frame_describe(target, frames->pcs[i],
			       unwind_frame_code(frames, i),
			       &thread->frames[i]);
	}
}

/* A wait that was interrupted before is named by what the program called. */
static long seen_syscall(const struct process *process, const struct seen *seen)
{
	struct user_regs_struct regs = seen->thread.regs;

	restart_name_syscall(process, &regs);
	return regs_syscall(&regs);
}

/* The program counter of a thread that makes a call stands behind it. */
static hf_addr seen_code(const struct seen *seen)
{
	const struct user_regs_struct *regs = &seen->thread.regs;
	bool runs = seen->thread.tid && seen->hit.value == regs->rip &&
		    regs_syscall(regs) < 0;

	return seen->hit.value - !runs;
}

static void seen_describe(const struct seen *seen, const struct target *target,
			  struct unwinder *unwinder, struct busy_thread *thread)
{
	*thread = (struct busy_thread){
		.tid = seen->thread.tid,
		.syscall = -1,
		.since_ns = seen->since_ns,
		.unproven = seen->hit.unproven,
		.hidden = seen->hit.hidden,
	};
	if (seen->hit.value)
		frame_describe(target, seen->hit.value, seen_code(seen),
			       &thread->at);
	if (!thread->tid)
		return;
	thread_name_read(target->process, thread->tid, thread->command);
	thread->syscall = seen_syscall(target->process, seen);
	frames_describe(seen, target, unwinder, thread);
}

struct busy_list *busy_describe(const struct busy *busy,
				const struct target *target,
				struct unwinder *unwinder)
{
	struct busy_list *list = calloc(1, sizeof(*list));

	if (!list)
		return NULL;
	list->nr = nr_described(busy);
	for (size_t i = 0; i < list->nr; i++)
		seen_describe(&busy->seen[i], target, unwinder,
			      &list->threads[i]);
	return list;
}

/* --- in words ------------------------------------------------------------- */

#define FRAME_TEXT_SIZE 512

/*
 * "charge()+0x2f at src/pay.c:42 (checkout+0x1a6f)",
 * "charge()+0x10 of patch OPS-77", "libc.so.6+0xf82ec"
 */
static const char *frame_format(const struct busy_frame *frame,
				char text[FRAME_TEXT_SIZE])
{
	char place[128];

	if (*frame->module)
		snprintf(place, sizeof(place), "%s+0x%" PRIx64, frame->module,
			 frame->vaddr);
	else
		snprintf(place, sizeof(place), "0x%" PRIx64, frame->address);
	if (!*frame->function)
		snprintf(text, FRAME_TEXT_SIZE, "%s", place);
	else if (*frame->patch)
		snprintf(text, FRAME_TEXT_SIZE, "%s()+0x%" PRIx64
			 " of patch %s",
			 frame->function, frame->offset, frame->patch);
	else if (frame->line)
		snprintf(text, FRAME_TEXT_SIZE, "%s()+0x%" PRIx64
			 " at %s:%u (%s)",
			 frame->function, frame->offset, frame->source,
			 frame->line, place);
	else
		snprintf(text, FRAME_TEXT_SIZE, "%s()+0x%" PRIx64 " (%s)",
			 frame->function, frame->offset, place);
	return text;
}

static void frames_explain(const struct busy_thread *thread,
			   struct hf_diag *diag)
{
	char line[BUSY_FRAMES_MAX * 64 + FRAME_TEXT_SIZE], text[FRAME_TEXT_SIZE];
	size_t used = 0;

	for (size_t i = 0; i < thread->nr_frames; i++) {
		const struct busy_frame *frame = &thread->frames[i];

		frame_format(frame, text);
		if (used + strlen(text) + 3 > sizeof(line))
			break;
		used += (size_t)snprintf(line + used, sizeof(line) - used,
					 "%s%s", i ? ", " : "", text);
	}
	if (used)
		hf_detail(diag, "    frames, innermost first: %s", line);
}

static void thread_explain(const struct busy_thread *thread,
			   struct hf_diag *diag)
{
	const char *call = syscall_name(thread->syscall);
	char text[FRAME_TEXT_SIZE];

	if (!thread->tid) {
		hf_detail(diag, "  memory that may be a coroutine's stack holds "
				"a return address into %s",
			  frame_format(&thread->at, text));
		return;
	}
	if (thread->hidden) {
		hf_detail(diag, "  thread %d (%s) is inside a function with a "
				"return probe (uretprobe), which hides whom it "
				"returns to",
			  thread->tid, thread->command);
		return;
	}
	if (!thread->at.address) {
		hf_detail(diag, "  thread %d (%s): its stack could not be read "
				"to the end",
			  thread->tid, thread->command);
		return;
	}
	hf_detail(diag, "  thread %d (%s) is inside %s%s%s%s, seen there for "
			"%" PRIu64 " ms%s",
		  thread->tid, thread->command, frame_format(&thread->at, text),
		  call ? ", in " : "", call ? call : "", call ? "(2)" : "",
		  thread->since_ns / NS_PER_MS,
		  thread->unproven ? " (its stack could not be followed to "
				     "the end, so this is assumed)" :
				     "");
}

void busy_explain(const struct busy_list *list, struct hf_diag *diag)
{
	for (size_t i = 0; i < list->nr; i++) {
		thread_explain(&list->threads[i], diag);
		if (i < EXPLAIN_FRAMES_MAX)
			frames_explain(&list->threads[i], diag);
	}
}
