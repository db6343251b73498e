/*
 * A held thread's frames, by libunwind over the target's memory.
 *
 * Unwind tables are taken from memory (PT_GNU_EH_FRAME, or .eh_frame in static
 * programs, which have no more than that), never from files. An
 * unwind counts only when it reaches the outermost frame, the one whose return
 * address is declared undefined (_start, clone): everything else may have lost
 * frames on the way. Every frame must be covered by the tables: libunwind's
 * guesses (frame pointers, known code bytes) end the unwind, incomplete.
 *
 * So musl's threads never unwind completely: its libc carries no tables. What
 * can be said of such a thread all the same is which part of its stack is
 * accounted for, see `spans`.
 */
#pragma once

#include "module.h"
#include "tracee.h"

#define UNWIND_FRAMES_MAX 1024
#define UNWIND_SPANS_MAX 8

struct unwind_frames {
	hf_addr pcs[UNWIND_FRAMES_MAX]; /* innermost first */
	hf_addr stack_pointers[UNWIND_FRAMES_MAX];
	/* The pc is where a callee returns to: what runs is the call before. */
	bool returns[UNWIND_FRAMES_MAX];
	/* An exception or a forced unwind would run something of it. */
	bool has_handler[UNWIND_FRAMES_MAX];
	size_t nr;
	bool complete;
	/*
	 * The parts of the stacks that belong to frames whose callers are
	 * known, complete or not: from the stack pointer (less the red zone)
	 * to the last known caller's. In there, a word that is no frame's
	 * return address is stale. A signal frame starts the next one.
	 */
	struct range spans[UNWIND_SPANS_MAX];
	size_t nr_spans;
};

/* Where frame @i executes: the pc, or a byte of the call it returns from. */
static inline hf_addr unwind_frame_code(const struct unwind_frames *frames,
					size_t i)
{
	return frames->pcs[i] - frames->returns[i];
}

/*
 * The tables of one process, kept between threads and joint stops. It trusts
 * @modules: make a new one when the modules were read again.
 */
struct unwinder;

/**
 * unwinder_new() - prepare to unwind threads of a process
 * @process, @modules: borrowed, must outlive the unwinder
 *
 * Return: 0; -ENOMEM.
 */
int unwinder_new(const struct process *process, const struct modules *modules,
		 struct unwinder **ret_unwinder, struct hf_diag *diag);
void unwinder_free(struct unwinder *unwinder);
DEFINE_CLEANUP(struct unwinder, unwinder_free)

/**
 * unwinder_add_image() - let frames inside a patch image be unwound
 * @elf: where the patch's ELF header stands: image base + control_size
 *
 * Images are no modules for modules_read(): their first page is the control
 * block. Without this an unwind ends, incomplete, at a frame in an image.
 *
 * Return: 0; -ENOENT it has no unwind tables; -EBADMSG no sane ELF header;
 * -ENOMEM; -EFAULT; -ESRCH.
 */
int unwinder_add_image(struct unwinder *unwinder, hf_addr elf,
		       struct hf_diag *diag);

/* The frames of a held thread. Return: 0 (look at `complete`); -ENOMEM. */
int unwinder_walk(struct unwinder *unwinder, const struct thread *thread,
		  struct unwind_frames *ret_frames, struct hf_diag *diag);

/* A part of a thread's stack as it was while it was held. */
struct unwind_copy {
	hf_addr start;
	const uint8_t *bytes;
	size_t size;
};

/**
 * unwinder_walk_copy() - the frames that a thread had
 * @thread: a copy too, of which the registers count
 *
 * For threads that run again: their memory has gone on since. The walk ends,
 * incomplete, where it leaves the copy.
 *
 * Return: as unwinder_walk().
 */
int unwinder_walk_copy(struct unwinder *unwinder, const struct thread *thread,
		       const struct unwind_copy *copy,
		       struct unwind_frames *ret_frames, struct hf_diag *diag);

/* All of it for a single thread. Return: 0 (look at `complete`); -ENOMEM. */
int unwind_thread(const struct process *process, const struct modules *modules,
		  const struct thread *thread, struct unwind_frames *ret_frames,
		  struct hf_diag *diag);
