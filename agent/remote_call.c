/*
 * Function calls in the target. See remote.h.
 *
 * The borrowed thread, parked in the stub, is sent through the stub's call: it
 * runs the function on its own stack, below the frame, comes back to the stub
 * and on to the rt_sigreturn. There we meet it: the result stands in rdi, and
 * something harmless is called instead. So it is parked again.
 *
 * The function's own system calls pass. When we die, the function ends by
 * itself, and the thread restores itself.
 */
#include "remote_internal.h"

#include <errno.h>
#include <string.h>
#include <sys/syscall.h>

#include "clock.h"
#include "restart.h"

#define ROOM_FOR_CALL 16384

#define XSTATE_HEADER 512
#define XFEATURE_PKRU (1ull << 9)

static int call_check(const struct remote *remote, struct hf_diag *diag)
{
	hf_addr room = remote_free_stack(remote) - remote->stack_floor;

	if (remote->shadow_stack)
		return hf_refuse(diag, "shadow-stack",
				 "process %d uses shadow stacks: no function "
				 "can be called in it from outside",
				 (int)remote->tracee->process->pid);
	if (room < ROOM_FOR_CALL)
		return hf_refuse(diag, "no-stack",
				 "thread %d has too little stack left to call "
				 "a function: %llu bytes",
				 (int)remote->tid, (unsigned long long)room);
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
	struct user_regs_struct regs = remote_parked_regs(remote);

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

static unsigned int rest_ms(uint64_t deadline_ns)
{
	uint64_t now_ns = monotonic_ns();

	if (now_ns >= deadline_ns)
		return 0;
	return (unsigned int)((deadline_ns - now_ns + NS_PER_MS - 1) /
			      NS_PER_MS);
}

/*
 * A function's wait takes the place of the thread's own one in the kernel's
 * memory; that can then only begin anew, unless a handler runs.
 */
static void call_note_syscall(struct remote *remote)
{
	if (syscall_keeps_rest(borrowed(remote)->regs.orig_rax) &&
	    (int64_t)remote->regs.rax == -ERESTART_RESTARTBLOCK)
		remote->regs.rax = (uint64_t)-ERESTARTNOHAND;
}

/* Until the function is back in the stub; its own system calls pass. */
static int call_run(struct remote *remote, unsigned int timeout_ms,
		    uint64_t *ret_value, struct hf_diag *diag)
{
	uint64_t deadline_ns = monotonic_ns() + timeout_ms * NS_PER_MS;

	for (;;) {
		enum thread_event event;
		int r = remote_step(remote, rest_ms(deadline_ns), &event, diag);

		if (r)
			return r;
		if (event == THREAD_EVENT_SYSCALL_ENTRY &&
		    remote_at_sigreturn(remote)) {
			*ret_value = borrowed(remote)->regs.rdi;
			return 0;
		}
		call_note_syscall(remote);
	}
}

/* Wherever the function is, the thread stands in the stub again. */
static int call_abandon(struct remote *remote)
{
	struct user_regs_struct regs = remote_parked_regs(remote);
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
		r = remote_exchange(remote, SYS_getpid, none, &ignored, diag);
	if (borrowed(remote)->state == THREAD_HELD)
		(void)thread_set_xstate(borrowed(remote), remote->xstate,
					remote->xstate_size, NULL);
	if (r)
		return hf_context(diag, r, "function %#llx in the target",
				  (unsigned long long)function);
	*ret_value = value;
	return 0;
}
