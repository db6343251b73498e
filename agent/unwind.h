/*
 * A held thread's frames, by libunwind over the target's memory.
 *
 * Unwind tables are taken from memory (PT_GNU_EH_FRAME), never from files. An
 * unwind counts only when it reaches the outermost frame, the one whose return
 * address is declared undefined (_start, clone): everything else may have lost
 * frames on the way.
 */
#pragma once

#include "module.h"
#include "tracee.h"

#define UNWIND_FRAMES_MAX 1024

struct unwind_frames {
	hf_addr pcs[UNWIND_FRAMES_MAX]; /* innermost first */
	size_t nr;
	bool complete;
};

/* Return: 0 (look at `complete`); -ENOMEM. */
int unwind_thread(const struct process *process, const struct modules *modules,
		  const struct thread *thread, struct unwind_frames *ret_frames,
		  struct hf_diag *diag);
