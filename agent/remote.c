/*
 * System calls and function calls in the target. See remote.h.
 *
 * The order of steps, so that our death between any two of them does no harm:
 *
 *   1. the frame is written below the thread's stack    dead memory
 *   2. the stub is written over _start                  dead code
 *   3. registers: the thread stands in the stub         it restores itself
 *   4. signal mask: everything blocked                  the frame has the old
 *                                                       mask, and restores it
 *   ... calls ...
 *   5. signal mask: the old one                         still in the stub
 *   6. registers: the thread's own                      it goes on
 *   7. stub and stack: their old bytes                  nobody uses them
 *
 * The mask is only ever changed while the thread stands in the stub: were we to
 * die with its own registers and a foreign mask, nothing would restore it. In
 * between (3-4, 5-6) a signal's handler may run on top of the frame; it returns
 * into the stub.
 */
#include "remote.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>

#include "../lib/io.h"
#include "sigframe.h"
#include "stub.h"

#define RED_ZONE 128
/* Room below the frame: for a signal handler after our death, for a hook. */
#define ROOM_FOR_HANDLER 4096
#define ROOM_FOR_CALL 16384

#define HOLD_TIMEOUT_MS 5000
#define STEP_TIMEOUT_MS 2000
/* A call may wait for the target's memory lock, on a machine that swaps. */
#define SYSCALL_TIMEOUT_MS 30000
#define RESTART_TRIES 16

#define USER_CODE_SEGMENT 0x33
#define USER_CODE_SEGMENT_XEN 0xe033
#define FLAGS_CLEAN 0x202 /* interrupts on, direction up, no single step */

/* The kernel's own codes between a system call and its restart. */
#define ERESTARTNOHAND 514
#define ERESTART_RESTARTBLOCK 516

#define XSTATE_HEADER 512
#define XFEATURE_PKRU (1ull << 9)

struct remote {
	struct tracee *tracee;
	pid_t tid; /* looked up each time: threads move when others are born */
	bool give_back_running;
	struct stub stub;
	/* The thread as it was. */
	struct user_regs_struct regs;
	uint64_t signal_mask;
	bool shadow_stack;
	size_t xstate_size;
	uint8_t xstate[XSTATE_SIZE_MAX];
	/* What was overwritten of its stack: [frame, red zone). */
	struct sigframe frame;
	hf_addr scratch;
	hf_addr stack_floor;
	struct buffer stack;
	/* How far we came. */
	bool stack_written, stub_written, regs_written, mask_written;
	uint64_t resend; /* signals that somebody sent meanwhile, by bit */
};

/* --- choosing a thread --------------------------------------------------- */

/*
 * The lowest address that surely belongs to the thread's stack, or 0. Below a
 * stack pointer lies free room only on stacks whose extent is known: the main
 * stack, and one whose mapping ends with the thread's control block (its first
 * word points to itself, in glibc as in musl).
 */
static hf_addr stack_floor(const struct process *process,
			   const struct mappings *mappings,
			   const struct user_regs_struct *regs)
{
	const struct mapping *mapping = mappings_find(mappings, regs->rsp - 1);
	uint64_t self = 0;

	if (!mapping || !(mapping->protection & PROT_WRITE) ||
	    !(mapping->protection & PROT_READ))
		return 0;
	if (!strcmp(mapping->path, "[stack]"))
		return mapping->range.start;
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
			      const struct thread *thread)
{
	const hf_addr need = RED_ZONE + REMOTE_SCRATCH_SIZE +
			     SIGFRAME_SIZE_MAX + ROOM_FOR_HANDLER;
	hf_addr floor;

	if (thread->state != THREAD_HELD || !thread->regs_known ||
	    !thread->at_event_stop || !thread_is_64_bit(thread))
		return 0;
	floor = stack_floor(process, mappings, &thread->regs);
	if (!floor || thread->regs.rsp - floor < need)
		return 0;
	if (thread->group_stopped)
		return 1;
	/* A wait whose rest only the kernel knows would begin anew, if we die. */
	if ((int64_t)thread->regs.rax == -ERESTART_RESTARTBLOCK)
		return thread->regs.orig_rax == SYS_restart_syscall ? 2 : 3;
	return (int64_t)thread->regs.orig_rax >= 0 ? 5 : 4;
}

static struct thread *thread_choose(struct tracee *tracee,
				    const struct mappings *mappings)
{
	struct thread *best = NULL;
	int best_value = 0;

	for (size_t i = 0; i < tracee->nr_threads; i++) {
		int value = thread_suitability(tracee->process, mappings,
					       &tracee->threads[i]);

		if (value > best_value) {
			best_value = value;
			best = &tracee->threads[i];
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

/* One after the other would stop each in turn; so look at all in one stop. */
static int thread_pick_from_all(struct remote *remote,
				const struct mappings *mappings,
				struct hf_diag *diag)
{
	struct tracee *tracee = remote->tracee;
	struct thread *thread;
	int r = tracee_hold_all(tracee, HOLD_TIMEOUT_MS, diag);

	if (r)
		return r;
	thread = thread_choose(tracee, mappings);
	for (size_t i = 0; i < tracee->nr_threads; i++)
		if (&tracee->threads[i] != thread)
			tracee_release(tracee, &tracee->threads[i]);
	if (!thread)
		return no_stack(tracee, diag);
	remote->tid = thread->tid;
	return 0;
}

static int thread_pick(struct remote *remote, const struct mappings *mappings,
		       struct hf_diag *diag)
{
	struct tracee *tracee = remote->tracee;
	struct thread *thread;
	int r;

	remote->give_back_running = !tracee_is_held(tracee);
	if (!remote->give_back_running) {
		thread = thread_choose(tracee, mappings);
		if (!thread)
			return no_stack(tracee, diag);
		remote->tid = thread->tid;
		return 0;
	}
	r = tracee_hold_one(tracee, HOLD_TIMEOUT_MS, &thread, diag);
	if (r)
		return r;
	if (thread_suitability(tracee->process, mappings, thread) > 1) {
		remote->tid = thread->tid;
		return 0;
	}
	tracee_release(tracee, thread);
	return thread_pick_from_all(remote, mappings, diag);
}

static struct thread *borrowed(const struct remote *remote)
{
	return tracee_find(remote->tracee, remote->tid);
}

/* --- borrowing ----------------------------------------------------------- */

static int seccomp_suspend(struct remote *remote, struct hf_diag *diag)
{
	struct thread_status status;
	int r = thread_status_read(remote->tracee->process, remote->tid,
				   &status, diag);

	if (r)
		return r;
	remote->shadow_stack = status.shadow_stack;
	if (!status.seccomp)
		return 0;
	r = thread_suspend_seccomp(borrowed(remote), true);
	if (!r) {
		remote->tracee->seccomp_suspended = true;
		return 0;
	}
	if (r == -ESRCH)
		return hf_fail(diag, r, "thread %d", (int)remote->tid);
	hf_refuse(diag, "seccomp",
		  "process %d (%s) runs under a seccomp filter, which might "
		  "kill it for the system calls that are needed",
		  (int)remote->tracee->process->pid,
		  remote->tracee->process->command);
	hf_hint(diag, r == -EINVAL ?
			      "this kernel cannot suspend the filter "
			      "(CONFIG_CHECKPOINT_RESTORE)" :
			      "suspending the filter needs CAP_SYS_ADMIN: run "
			      "hotfix as root, outside of a container");
	return -ECANCELED;
}

static void seccomp_resume(struct remote *remote)
{
	if (!remote->tracee->seccomp_suspended)
		return;
	(void)thread_suspend_seccomp(borrowed(remote), false);
	remote->tracee->seccomp_suspended = false;
}

/* Everything of the thread that the calls will change. */
static int thread_save(struct remote *remote, const struct mappings *mappings,
		       struct hf_diag *diag)
{
	struct thread *thread = borrowed(remote);
	int r;

	remote->regs = thread->regs;
	remote->stack_floor = stack_floor(remote->tracee->process, mappings,
					  &remote->regs);
	remote->xstate_size = sizeof(remote->xstate);
	r = thread_get_xstate(thread, remote->xstate, &remote->xstate_size,
			      diag);
	return r ? r :
		   thread_get_signal_mask(thread, &remote->signal_mask, diag);
}

/* Calls whose rest the kernel remembers when they are interrupted. */
static bool syscall_sets_restart(uint64_t number)
{
	return number == SYS_nanosleep || number == SYS_clock_nanosleep ||
	       number == SYS_poll || number == SYS_futex ||
	       number == SYS_restart_syscall;
}

/*
 * A wait that was interrupted before goes on as restart_syscall(2), which means
 * nothing once rt_sigreturn has made the kernel forget it. The frame has to
 * name the original call; its arguments are still there, and its number is in
 * the instruction before it, which all C libraries have there.
 */
static void frame_name_syscall(const struct process *process,
			       struct user_regs_struct *regs)
{
	uint8_t code[7]; /* mov $NUMBER,%eax; syscall */
	uint32_t number;

	if ((int64_t)regs->rax != -ERESTART_RESTARTBLOCK ||
	    regs->orig_rax != SYS_restart_syscall ||
	    process_read(process, regs->rip - sizeof(code), code,
			 sizeof(code)))
		return;
	memcpy(&number, code + 1, sizeof(number));
	if (code[0] == 0xb8 && code[5] == 0x0f && code[6] == 0x05 &&
	    syscall_sets_restart(number))
		regs->orig_rax = number;
}

static int stack_write(struct remote *remote, struct hf_diag *diag)
{
	const struct process *process = remote->tracee->process;
	struct user_regs_struct regs = remote->regs;
	hf_addr top = regs.rsp - RED_ZONE;
	int r;

	frame_name_syscall(process, &regs);
	remote->scratch = align_down(top - REMOTE_SCRATCH_SIZE, 64);
	r = sigframe_build(&regs, remote->xstate, remote->xstate_size,
			   remote->signal_mask, remote->scratch,
			   &remote->frame);
	if (r)
		return hf_fail(diag, r, "cannot save the registers of thread "
			       "%d",
			       (int)remote->tid);
	remote->stack.size = top - remote->frame.address;
	remote->stack.data = malloc(remote->stack.size);
	if (!remote->stack.data)
		return hf_fail(diag, -ENOMEM, "thread %d", (int)remote->tid);
	r = process_read(process, remote->frame.address, remote->stack.data,
			 remote->stack.size);
	if (r)
		return hf_fail(diag, r, "cannot read the stack of thread %d",
			       (int)remote->tid);
	remote->stack_written = true;
	r = process_write(process, remote->frame.address, remote->frame.bytes,
			  remote->frame.size);
	return r ? hf_fail(diag, r, "cannot write to the stack of thread %d",
			   (int)remote->tid) :
		   0;
}

static int stub_write(struct remote *remote, struct hf_diag *diag)
{
	int r;

	if (remote->stub.present)
		return 0;
	remote->stub_written = true;
	r = process_write(remote->tracee->process, remote->stub.address,
			  stub_code, STUB_SIZE);
	return r ? hf_fail(diag, r, "cannot write to the entry point of "
			   "process %d",
			   (int)remote->tracee->process->pid) :
		   0;
}

/* The end of the stack that is free for the called code, 16-byte aligned. */
static hf_addr free_stack(const struct remote *remote)
{
	return align_down(remote->frame.address - RED_ZONE, 16);
}

/* Registers of a thread that, left alone, restores itself. */
static struct user_regs_struct parked_regs(const struct remote *remote)
{
	struct user_regs_struct regs = remote->regs;

	regs.rip = remote->stub.address + STUB_RESTORE;
	regs.rbx = remote->frame.stack_pointer;
	regs.rsp = free_stack(remote);
	regs.eflags = FLAGS_CLEAN;
	regs.orig_rax = UINT64_MAX;
	return regs;
}

/*
 * All but the signals that an instruction raises: the kernel resets the handler
 * of one that is blocked. They reach us before they reach the thread.
 */
static uint64_t quiet_mask(uint64_t own)
{
	static const int raised[] = { SIGSEGV, SIGBUS, SIGILL,
				      SIGFPE,  SIGTRAP, SIGSYS };
	uint64_t mask = UINT64_MAX;

	for (size_t i = 0; i < ARRAY_SIZE(raised); i++)
		mask &= ~(1ull << (raised[i] - 1)) | own;
	return mask;
}

static int thread_park(struct remote *remote, struct hf_diag *diag)
{
	struct user_regs_struct regs = parked_regs(remote);
	int r;

	remote->regs_written = true;
	r = thread_set_regs(borrowed(remote), &regs, diag);
	if (r)
		return r;
	remote->mask_written = true;
	return thread_set_signal_mask(borrowed(remote),
				      quiet_mask(remote->signal_mask), diag);
}

static int borrow(struct remote *remote, struct hf_diag *diag)
{
	struct mappings mappings = { 0 };
	const struct process *process = remote->tracee->process;
	int r = mappings_read(process, &mappings, diag);

	if (!r)
		r = stub_locate(process, &mappings, &remote->stub, diag);
	if (!r)
		r = thread_pick(remote, &mappings, diag);
	if (!r)
		r = stub_check_started(&remote->stub, remote->tracee,
				       borrowed(remote), &mappings, diag);
	if (!r)
		r = thread_save(remote, &mappings, diag);
	mappings_release(&mappings);
	if (!r)
		r = seccomp_suspend(remote, diag);
	if (!r)
		r = stack_write(remote, diag);
	if (!r)
		r = stub_write(remote, diag);
	return r ? r : thread_park(remote, diag);
}

int remote_begin(struct tracee *tracee, struct remote **ret_remote,
		 struct hf_diag *diag)
{
	struct remote *remote = calloc(1, sizeof(*remote));
	int r;

	if (!remote)
		return hf_fail(diag, -ENOMEM, "cannot borrow a thread");
	remote->tracee = tracee;
	r = borrow(remote, diag);
	if (r) {
		/* The first reason counts. */
		(void)remote_end(remote, NULL);
		return hf_context(diag, r, "cannot borrow a thread");
	}
	*ret_remote = remote;
	return 0;
}

const struct process *remote_process(const struct remote *remote)
{
	return remote->tracee->process;
}

hf_addr remote_scratch(const struct remote *remote)
{
	return remote->scratch;
}

/* --- running the thread -------------------------------------------------- */

static int thread_lost(const struct remote *remote, struct hf_diag *diag)
{
	return hf_error(diag, -ESRCH, "thread-gone",
			"thread %d of process %d (%s) ended while it was "
			"borrowed",
			(int)remote->tid, (int)remote->tracee->process->pid,
			remote->tracee->process->command);
}

static int thread_raised(const struct remote *remote, int number,
			 struct hf_diag *diag)
{
	const struct thread *thread = borrowed(remote);

	return hf_refuse(diag, "hook-signal",
			 "the code that was called in process %d raised signal "
			 "%d (%s) at %#llx",
			 (int)remote->tracee->process->pid, number,
			 sigabbrev_np(number) ? sigabbrev_np(number) : "?",
			 (unsigned long long)thread->regs.rip);
}

/*
 * To the next border of a system call. A signal that somebody sent although it
 * is one of those that we leave unblocked is put off until the end.
 *
 * Return: 0; -ECANCELED when the thread's own code raised a signal, which it
 * does not get; -ESRCH; -ETIMEDOUT.
 */
static int thread_step(struct remote *remote, unsigned int timeout_ms,
		       enum thread_event *ret_event, struct hf_diag *diag)
{
	for (;;) {
		struct thread *thread = borrowed(remote);
		enum thread_event event;
		int number, r;

		if (thread->state != THREAD_HELD)
			return thread_lost(remote, diag);
		r = thread_run_to_syscall(remote->tracee, thread, timeout_ms,
					  &event, diag);
		if (r)
			return r;
		switch (event) {
		case THREAD_EVENT_SYSCALL_ENTRY:
		case THREAD_EVENT_SYSCALL_EXIT:
			*ret_event = event;
			return 0;
		case THREAD_EVENT_GONE:
			return thread_lost(remote, diag);
		case THREAD_EVENT_STOPPED:
			break; /* job control stops us no more than others */
		case THREAD_EVENT_SIGNAL:
			number = thread->pending_signal;
			thread->pending_signal = 0;
			if (!thread_signal_was_sent(thread))
				return thread_raised(remote, number, diag);
			remote->resend |= 1ull << (number - 1);
			break;
		}
	}
}

static bool at_own_sigreturn(const struct remote *remote)
{
	const struct user_regs_struct *regs = &borrowed(remote)->regs;

	return regs->orig_rax == SYS_rt_sigreturn &&
	       regs->rip == remote->stub.address + STUB_BEHIND_SYSCALL;
}

static int thread_astray(const struct remote *remote, struct hf_diag *diag)
{
	return hf_error(diag, -EIO, "thread-astray",
			"thread %d of process %d is not where it was put",
			(int)remote->tid, (int)remote->tracee->process->pid);
}

/* At the entry stop of rt_sigreturn: another call instead of it. */
static int syscall_exchange(struct remote *remote, long number,
			    const uint64_t arguments[6], int64_t *ret_value,
			    struct hf_diag *diag)
{
	struct user_regs_struct regs = borrowed(remote)->regs;
	enum thread_event event;
	int r;

	regs.orig_rax = (uint64_t)number;
	regs.rdi = arguments[0];
	regs.rsi = arguments[1];
	regs.rdx = arguments[2];
	regs.r10 = arguments[3];
	regs.r8 = arguments[4];
	regs.r9 = arguments[5];
	r = thread_set_regs(borrowed(remote), &regs, diag);
	if (!r)
		r = thread_step(remote, SYSCALL_TIMEOUT_MS, &event, diag);
	if (r)
		return r;
	if (event != THREAD_EVENT_SYSCALL_EXIT)
		return thread_astray(remote, diag);
	*ret_value = (int64_t)borrowed(remote)->regs.rax;
	return 0;
}

static int syscall_once(struct remote *remote, long number,
			const uint64_t arguments[6], int64_t *ret_value,
			struct hf_diag *diag)
{
	enum thread_event event;
	int r = thread_step(remote, STEP_TIMEOUT_MS, &event, diag);

	if (r)
		return r;
	if (event != THREAD_EVENT_SYSCALL_ENTRY || !at_own_sigreturn(remote))
		return thread_astray(remote, diag);
	return syscall_exchange(remote, number, arguments, ret_value, diag);
}

/* The kernel wants to make the call again; we make it from our side. */
static bool value_is_restart(int64_t value)
{
	return value <= -512 && value >= -516;
}

static int restart_cancel(struct remote *remote, struct hf_diag *diag)
{
	struct user_regs_struct regs = borrowed(remote)->regs;

	regs.orig_rax = UINT64_MAX;
	return thread_set_regs(borrowed(remote), &regs, diag);
}

int remote_syscall(struct remote *remote, long number,
		   const uint64_t arguments[6], int64_t *ret_value,
		   struct hf_diag *diag)
{
	const char *name = syscall_name(number);
	int64_t value = -EINTR;
	int r = 0;

	for (int i = 0; i < RESTART_TRIES; i++) {
		r = syscall_once(remote, number, arguments, &value, diag);
		if (r || !value_is_restart(value))
			break;
		r = restart_cancel(remote, diag);
		value = -EINTR;
		if (r)
			break;
	}
	if (r)
		return hf_context(diag, r, "system call %s in the target",
				  name ? name : "?");
	*ret_value = value;
	return 0;
}

/* --- calling a function -------------------------------------------------- */

static int call_check(const struct remote *remote, struct hf_diag *diag)
{
	if (remote->shadow_stack)
		return hf_refuse(diag, "shadow-stack",
				 "process %d uses shadow stacks: no function "
				 "can be called in it from outside",
				 (int)remote->tracee->process->pid);
	if (free_stack(remote) - remote->stack_floor < ROOM_FOR_CALL)
		return hf_refuse(diag, "no-stack",
				 "thread %d has too little stack left to call "
				 "a function: %llu bytes",
				 (int)remote->tid,
				 (unsigned long long)(free_stack(remote) -
						      remote->stack_floor));
	return 0;
}

/*
 * As the ABI wants it at a function's entry, wherever the thread was: nothing
 * on the x87 stack, default rounding and masks. Protection keys stay.
 */
static int call_set_xstate(struct remote *remote, struct hf_diag *diag)
{
	static const uint16_t control = 0x37f;
	static const uint32_t mxcsr = 0x1f80;
	uint8_t area[XSTATE_SIZE_MAX];
	uint64_t present;

	memcpy(area, remote->xstate, remote->xstate_size);
	memset(area, 0, XSTATE_HEADER - 48); /* XCR0 stands in the last 48 */
	memcpy(area, &control, sizeof(control));
	memcpy(area + 24, &mxcsr, sizeof(mxcsr));
	memcpy(&present, area + XSTATE_HEADER, sizeof(present));
	present &= XFEATURE_PKRU;
	memcpy(area + XSTATE_HEADER, &present, sizeof(present));
	return thread_set_xstate(borrowed(remote), area, remote->xstate_size,
				 diag);
}

static int call_set_regs(struct remote *remote, hf_addr function,
			 const uint64_t arguments[6], struct hf_diag *diag)
{
	struct user_regs_struct regs = parked_regs(remote);

	regs.rip = remote->stub.address + STUB_CALL;
	regs.rbp = function;
	regs.rax = 0; /* no vector registers, should it be variadic */
	regs.rdi = arguments[0];
	regs.rsi = arguments[1];
	regs.rdx = arguments[2];
	regs.rcx = arguments[3];
	regs.r8 = arguments[4];
	regs.r9 = arguments[5];
	return thread_set_regs(borrowed(remote), &regs, diag);
}

static uint64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/*
 * A function's wait takes the place of the thread's own one in the kernel's
 * memory; that can then only begin anew, unless a handler runs.
 */
static void call_note_syscall(struct remote *remote)
{
	if (syscall_sets_restart(borrowed(remote)->regs.orig_rax) &&
	    (int64_t)remote->regs.rax == -ERESTART_RESTARTBLOCK)
		remote->regs.rax = (uint64_t)-ERESTARTNOHAND;
}

/* Until the function is back in the stub; its own system calls pass. */
static int call_run(struct remote *remote, unsigned int timeout_ms,
		    uint64_t *ret_value, struct hf_diag *diag)
{
	uint64_t deadline = now_ms() + timeout_ms;

	for (;;) {
		uint64_t now = now_ms();
		enum thread_event event;
		int r = thread_step(remote,
				    now < deadline ?
					    (unsigned int)(deadline - now) :
					    0,
				    &event, diag);

		if (r)
			return r;
		if (event == THREAD_EVENT_SYSCALL_ENTRY &&
		    at_own_sigreturn(remote)) {
			*ret_value = borrowed(remote)->regs.rdi;
			return 0;
		}
		call_note_syscall(remote);
	}
}

/* Wherever the function is, the thread stands in the stub again. */
static int call_abandon(struct remote *remote)
{
	struct user_regs_struct regs = parked_regs(remote);
	struct thread *thread = borrowed(remote);
	int r = 0;

	if (thread->state != THREAD_HELD)
		return -ESRCH;
	if (!thread->at_event_stop)
		r = thread_settle(remote->tracee, thread, STEP_TIMEOUT_MS,
				  NULL);
	return r ? r : thread_set_regs(borrowed(remote), &regs, NULL);
}

int remote_call(struct remote *remote, hf_addr function,
		const uint64_t arguments[6], unsigned int timeout_ms,
		uint64_t *ret_value, struct hf_diag *diag)
{
	static const uint64_t none[6];
	uint64_t value = 0;
	int64_t ignored;
	int r = call_check(remote, diag);

	if (r)
		return r;
	r = call_set_xstate(remote, diag);
	if (!r)
		r = call_set_regs(remote, function, arguments, diag);
	if (!r)
		r = call_run(remote, timeout_ms, &value, diag);
	if (r)
		(void)call_abandon(remote);
	else
		/* Something harmless instead of the rt_sigreturn. */
		r = syscall_exchange(remote, SYS_getpid, none, &ignored, diag);
	if (borrowed(remote)->state == THREAD_HELD)
		(void)thread_set_xstate(borrowed(remote), remote->xstate,
					remote->xstate_size, NULL);
	if (r)
		return hf_context(diag, r, "function %#llx in the target",
				  (unsigned long long)function);
	*ret_value = value;
	return 0;
}

/* --- giving back --------------------------------------------------------- */

/* Steps 5 and 6. The thread must stand where the kernel decides anew. */
static int thread_restore(struct remote *remote, struct hf_diag *diag)
{
	struct thread *thread = borrowed(remote);
	int r = 0;

	if (thread->state == THREAD_HELD && !thread->at_event_stop)
		r = thread_settle(remote->tracee, thread, STEP_TIMEOUT_MS,
				  diag);
	if (r)
		return r;
	if (thread->state != THREAD_HELD)
		return thread->state == THREAD_GONE ?
			       -ESRCH :
			       hf_error(diag, -ETIMEDOUT, "thread-stuck",
					"thread %d does not answer; it will "
					"restore itself",
					(int)remote->tid);
	if (remote->mask_written)
		r = thread_set_signal_mask(thread, remote->signal_mask, diag);
	return r ? r : thread_set_regs(thread, &remote->regs, diag);
}

/* Step 7. Nothing is lost when the process has ended. */
static int memory_restore(struct remote *remote, struct hf_diag *diag)
{
	const struct process *process = remote->tracee->process;
	int r = 0, s = 0;

	if (remote->stub_written)
		r = process_write(process, remote->stub.address,
				  remote->stub.own, STUB_SIZE);
	if (remote->stack_written)
		s = process_write(process, remote->frame.address,
				  remote->stack.data, remote->stack.size);
	if (!r)
		r = s;
	return r && r != -ESRCH ?
		       hf_fail(diag, r, "cannot clean up in process %d",
			       (int)process->pid) :
		       0;
}

static int give_back(struct remote *remote, struct hf_diag *diag)
{
	struct thread *thread = remote->tid ? borrowed(remote) : NULL;
	int r = 0;

	if (!thread)
		return 0;
	if (remote->regs_written)
		r = thread_restore(remote, diag);
	seccomp_resume(remote);
	/* A thread that still stands in the stub needs all of it. */
	if (!r || r == -ESRCH)
		r = memory_restore(remote, diag);
	if (remote->give_back_running)
		tracee_release(remote->tracee, thread);
	for (int number = 1; number <= 64; number++)
		if (remote->resend & (1ull << (number - 1)))
			thread_resend_signal(remote->tracee, thread, number);
	return r;
}

int remote_end(struct remote *remote, struct hf_diag *diag)
{
	int r = give_back(remote, diag);

	buffer_release(&remote->stack);
	free(remote);
	return r;
}
