/*
 * Which thread of the target is borrowed. See choose_thread.h.
 *
 * Where things run, one thread is stopped and, as a rule, taken. Only when it
 * will not do all are stopped, once, and the best is kept: to try one after the
 * other would stop each in turn.
 */
#include "choose_thread.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "restart.h"

#define HOLD_TIMEOUT_MS 5000

#define USER_CODE_SEGMENT 0x33
#define USER_CODE_SEGMENT_XEN 0xe033

/*
 * Below the main stack the kernel maps what is touched, also by our reading, as
 * far as the limit and the next mapping allow (__access_remote_vm() in
 * mm/memory.c). Many arguments leave it nothing of what it had at the start.
 */
static hf_addr main_stack_floor(const struct process *process,
				const struct mapping *stack, bool is_first,
				hf_addr wanted)
{
	uint8_t byte;

	if (wanted < stack->range.start &&
	    (is_first || stack[-1].range.end <= wanted) &&
	    !process_read(process, wanted, &byte, sizeof(byte)))
		return wanted;
	return stack->range.start;
}

/*
 * A stack whose mapping ends with the thread's control block is known by the
 * block's first word, which points to itself, in glibc as in musl.
 */
hf_addr thread_stack_floor(const struct process *process,
			   const struct mappings *mappings,
			   const struct user_regs_struct *regs, hf_addr room)
{
	const struct mapping *mapping = mappings_find(mappings, regs->rsp - 1);
	uint64_t self = 0;

	if (!mapping || !(mapping->protection & PROT_WRITE) ||
	    !(mapping->protection & PROT_READ))
		return 0;
	if (!strcmp(mapping->path, "[stack]"))
		return main_stack_floor(process, mapping,
					mapping == mappings->entries,
					align_down(regs->rsp - room,
						   HF_PAGE_SIZE));
	if (regs->fs_base < regs->rsp ||
	    !range_contains(&mapping->range, regs->fs_base) ||
	    process_read(process, regs->fs_base, &self, sizeof(self)) ||
	    self != regs->fs_base)
		return 0;
	return mapping->range.start;
}

static bool thread_is_64_bit(const struct thread *thread)
{
	return thread->regs.cs == USER_CODE_SEGMENT ||
	       thread->regs.cs == USER_CODE_SEGMENT_XEN;
}

/* Higher is better; 0: cannot be borrowed. */
static int thread_suitability(const struct process *process,
			      const struct mappings *mappings,
			      hf_addr room, const struct thread *thread)
{
	hf_addr floor;

	if (thread->state != THREAD_HELD || !thread->regs_known ||
	    !thread->at_event_stop || !thread_is_64_bit(thread) ||
	    thread_dispatches_syscalls(thread))
		return 0;
	floor = thread_stack_floor(process, mappings, &thread->regs, room);
	if (!floor || thread->regs.rsp - floor < room)
		return 0;
	if (thread->group_stopped)
		return 1;
	/* A wait whose rest only the kernel knows would begin anew, if we die. */
	if ((int64_t)thread->regs.rax == -ERESTART_RESTARTBLOCK)
		return thread->regs.orig_rax == SYS_restart_syscall ? 2 : 3;
	return regs_syscall(&thread->regs) >= 0 ? 5 : 4;
}

static struct thread *best_thread(struct tracee *tracee,
				  const struct mappings *mappings, hf_addr room)
{
	struct thread *best = NULL;
	int best_value = 0;

	for (size_t i = 0; i < tracee->nr_threads; i++) {
		struct thread *thread = &tracee->threads[i];
		int value = thread_suitability(tracee->process, mappings, room,
					       thread);

		if (value > best_value) {
			best_value = value;
			best = thread;
		}
	}
	return best;
}

static bool tracee_is_held(const struct tracee *tracee)
{
	bool held = false;

	for (size_t i = 0; i < tracee->nr_threads; i++) {
		if (tracee->threads[i].state == THREAD_RUNNING)
			return false;
		held |= tracee->threads[i].state == THREAD_HELD;
	}
	return held;
}

static int no_stack(const struct tracee *tracee, struct hf_diag *diag)
{
	hf_refuse(diag, "no-stack",
		  "no thread of process %d (%s) has a stack that is safe to "
		  "borrow",
		  (int)tracee->process->pid, tracee->process->command);
	hf_detail(diag, "all %zu run on coroutine or signal stacks, or are "
			"deep down in their own",
		  tracee->nr_threads);
	hf_hint(diag, "try again: one idle thread is enough");
	return -ECANCELED;
}

static int all_dispatch(const struct tracee *tracee, struct hf_diag *diag)
{
	hf_refuse(diag, "user-dispatch",
		  "process %d (%s) makes its system calls itself: those of "
		  "borrowed code would raise SIGSYS",
		  (int)tracee->process->pid, tracee->process->command);
	hf_detail(diag, "its threads use PR_SET_SYSCALL_USER_DISPATCH, as Wine "
			"does");
	hf_hint(diag, "one thread that does not use it is enough; there is no "
		      "other way");
	return -ECANCELED;
}

/* With the threads still held. */
static int none_suitable(const struct tracee *tracee, struct hf_diag *diag)
{
	for (size_t i = 0; i < tracee->nr_threads; i++)
		if (tracee->threads[i].state == THREAD_HELD &&
		    thread_dispatches_syscalls(&tracee->threads[i]))
			return all_dispatch(tracee, diag);
	return no_stack(tracee, diag);
}

static int choose_from_held(struct tracee *tracee,
			    const struct mappings *mappings, hf_addr room,
			    pid_t *ret_tid, struct hf_diag *diag)
{
	const struct thread *thread = best_thread(tracee, mappings, room);

	if (!thread)
		return none_suitable(tracee, diag);
	*ret_tid = thread->tid;
	return 0;
}

static int choose_from_all(struct tracee *tracee,
			   const struct mappings *mappings, hf_addr room,
			   pid_t *ret_tid, struct hf_diag *diag)
{
	struct thread *thread;
	int r = tracee_hold_all(tracee, HOLD_TIMEOUT_MS, diag);

	if (r)
		return r;
	thread = best_thread(tracee, mappings, room);
	if (thread)
		*ret_tid = thread->tid;
	else
		r = none_suitable(tracee, diag);
	for (size_t i = 0; i < tracee->nr_threads; i++)
		if (&tracee->threads[i] != thread)
			tracee_release(tracee, &tracee->threads[i]);
	return r;
}

static int choose_and_stop(struct tracee *tracee,
			   const struct mappings *mappings, hf_addr room,
			   pid_t *ret_tid, struct hf_diag *diag)
{
	struct thread *thread;
	int r = tracee_hold_one(tracee, HOLD_TIMEOUT_MS, &thread, diag);

	if (r)
		return r;
	/* One that job control has stopped is the last resort. */
	if (thread_suitability(tracee->process, mappings, room, thread) > 1) {
		*ret_tid = thread->tid;
		return 0;
	}
	tracee_release(tracee, thread);
	return choose_from_all(tracee, mappings, room, ret_tid, diag);
}

int choose_thread(struct tracee *tracee, const struct mappings *mappings,
		  hf_addr room, pid_t *ret_tid, bool *ret_stopped,
		  struct hf_diag *diag)
{
	bool stop = !tracee_is_held(tracee);
	int r = stop ? choose_and_stop(tracee, mappings, room, ret_tid, diag) :
		       choose_from_held(tracee, mappings, room, ret_tid, diag);

	if (!r)
		*ret_stopped = stop;
	return r;
}
