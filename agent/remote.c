/*
 * Borrowing a thread, and system calls by it. See remote.h.
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
#include "remote_internal.h"

#include <errno.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "choose_thread.h"
#include "restart.h"
#include "rseq.h"

#define RED_ZONE 128
/* Room below the frame, for a signal handler after our death. */
#define ROOM_FOR_HANDLER 4096
#define STACK_ROOM                                                             \
	(RED_ZONE + REMOTE_SCRATCH_SIZE + SIGFRAME_SIZE_MAX + ROOM_FOR_HANDLER)

/* A call may wait for the target's memory lock, on a machine that swaps. */
#define SYSCALL_TIMEOUT_MS 30000
#define RESTART_TRIES 16

#define FLAGS_CLEAN 0x202 /* interrupts on, direction up, no single step */

/* --- borrowing ----------------------------------------------------------- */

/* Why the filter cannot be suspended, which failed with @r. */
static const char *suspend_advice(int r)
{
	if (r == -EINVAL)
		return "this kernel cannot suspend the filter "
		       "(CONFIG_CHECKPOINT_RESTORE)";
	if (prctl(PR_GET_SECCOMP) > 0)
		return "hotfix runs under a seccomp filter itself, as in a "
		       "container, and may not suspend one: run it outside";
	return "suspending the filter needs CAP_SYS_ADMIN: run hotfix as root, "
	       "outside of a container";
}

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
	hf_hint(diag, "%s", suspend_advice(r));
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
	rseq_abort(remote->tracee->process, thread, &remote->regs);
	remote->stack_floor = thread_stack_floor(remote->tracee->process,
						 mappings, &remote->regs,
						 STACK_ROOM);
	remote->xstate_size = sizeof(remote->xstate);
	r = thread_get_xstate(thread, remote->xstate, &remote->xstate_size,
			      diag);
	return r ? r :
		   thread_get_signal_mask(thread, &remote->signal_mask, diag);
}

static int stack_write(struct remote *remote, struct hf_diag *diag)
{
	const struct process *process = remote->tracee->process;
	struct user_regs_struct regs = remote->regs;
	hf_addr top = regs.rsp - RED_ZONE;
	int r;

	restart_name_syscall(process, &regs);
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

/* It can be read, and nothing of what was written arrived. */
static bool stub_untouched(const struct remote *remote)
{
	uint8_t now[STUB_SIZE];

	return !process_read(remote->tracee->process, remote->stub.address, now,
			     sizeof(now)) &&
	       !memcmp(now, remote->stub.own, sizeof(now));
}

static int stub_write(struct remote *remote, struct hf_diag *diag)
{
	int r;

	if (remote->stub.present)
		return 0;
	remote->stub_written = true;
	r = process_write(remote->tracee->process, remote->stub.address,
			  stub_code, STUB_SIZE);
	if (r == -EFAULT && stub_untouched(remote))
		return process_unwritable(remote->tracee->process, diag);
	return r ? hf_fail(diag, r, "cannot write to the entry point of "
			   "process %d",
			   (int)remote->tracee->process->pid) :
		   0;
}

hf_addr remote_free_stack(const struct remote *remote)
{
	return align_down(remote->frame.address - RED_ZONE, 16);
}

struct user_regs_struct remote_parked_regs(const struct remote *remote)
{
	struct user_regs_struct regs = remote->regs;

	regs.rip = remote->stub.address + STUB_RESTORE;
	regs.rbx = remote->frame.stack_pointer;
	regs.rsp = remote_free_stack(remote);
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
	struct user_regs_struct regs = remote_parked_regs(remote);
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
		r = choose_thread(remote->tracee, &mappings, STACK_ROOM,
				  &remote->tid, &remote->give_back_running,
				  diag);
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

int remote_step(struct remote *remote, unsigned int timeout_ms,
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
			/* Kept and sent later, it would undo a SIGCONT. */
			if (number == SIGSTOP)
				break; /* to be taken */
			thread->pending_signal = 0;
			if (!thread_signal_was_sent(thread))
				return thread_raised(remote, number, diag);
			remote->resend |= 1ull << (number - 1);
			break;
		}
	}
}

bool remote_at_sigreturn(const struct remote *remote)
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

int remote_exchange(struct remote *remote, long number,
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
		r = remote_step(remote, SYSCALL_TIMEOUT_MS, &event, diag);
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
	int r = remote_step(remote, STEP_TIMEOUT_MS, &event, diag);

	if (r)
		return r;
	if (event != THREAD_EVENT_SYSCALL_ENTRY || !remote_at_sigreturn(remote))
		return thread_astray(remote, diag);
	return remote_exchange(remote, number, arguments, ret_value, diag);
}

/* The kernel would make the call again; we do, from our side. */
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
