/*
 * ptrace(2): the only file that calls it. See tracee.h.
 *
 * Each function here is about one thread and one request, and knows of no
 * other thread. Every wait names its thread: waitpid(-1) would walk all of them
 * and take events that belong to another tracee of ours.
 *
 * What always holds: the state is THREAD_HELD only from the stop that
 * waitpid(2) told until the request that ends it, and no longer.
 */
#include "tracee_internal.h"

#include <elf.h>
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define OPTIONS                                                                \
	(PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXEC)
/* It takes microseconds, unless it waits for an execve. */
#define SEIZE_LIMIT_MS 50

static long trace(int request, pid_t tid, uintptr_t address, uintptr_t data)
{
	return ptrace((enum __ptrace_request)request, tid, (void *)address,
		      (void *)data);
}

/* --- begin and end ------------------------------------------------------- */

/*
 * While a process is in execve(2), PTRACE_SEIZE of its threads waits for it; and
 * execve waits until we have collected those of its threads that we trace. The
 * kernel makes our call again after any signal, so the handler jumps out of it.
 */
static sigjmp_buf seize_way_out;
static volatile sig_atomic_t seize_waits;

static void seize_time_is_up(int number)
{
	(void)number;
	if (seize_waits)
		siglongjmp(seize_way_out, 1);
}

static timer_t seize_timer;

/* One for all threads, made when it is needed first. */
static int seize_timer_make(void)
{
	/* Not blocked while it is handled: a jump does not return. */
	const struct sigaction action = { .sa_handler = seize_time_is_up,
					  .sa_flags = SA_NODEFER };
	struct sigevent event = { .sigev_notify = SIGEV_SIGNAL,
				  .sigev_signo = SIGRTMAX };
	static pid_t owner; /* a fork has no timers */

	if (owner == getpid())
		return 0;
	if (sigaction(SIGRTMAX, &action, NULL) ||
	    timer_create(CLOCK_MONOTONIC, &event, &seize_timer))
		return -ENOMEM;
	owner = getpid();
	return 0;
}

static int seize_or_escape(pid_t tid)
{
	int r;

	if (sigsetjmp(seize_way_out, 0)) {
		seize_waits = 0;
		return -EAGAIN;
	}
	seize_waits = 1;
	r = trace(PTRACE_SEIZE, tid, 0, OPTIONS) ? -errno : 0;
	seize_waits = 0;
	return r;
}

int thread_seize(pid_t tid)
{
	/* Again and again: the first may come before we wait. */
	const struct timespec period = { .tv_nsec = SEIZE_LIMIT_MS * 1000000 };
	const struct itimerspec on = { period, period }, off = { 0 };
	int r = seize_timer_make();

	if (r)
		return r;
	timer_settime(seize_timer, 0, &on, NULL);
	r = seize_or_escape(tid);
	timer_settime(seize_timer, 0, &off, NULL);
	return r;
}

void thread_gone(struct thread *thread)
{
	thread->state = THREAD_GONE;
	thread->regs_known = false;
	thread->dormant = false;
	thread->awaited = false;
	thread->pending_signal = 0;
}

void thread_detach(struct thread *thread)
{
	if (thread->state != THREAD_HELD)
		return;
	if (trace(PTRACE_DETACH, thread->tid, 0,
		  (uintptr_t)thread->pending_signal))
		/* Killed, and still ours until it is waited for. */
		thread->state = THREAD_RUNNING;
	else
		thread_gone(thread);
}

/* --- stops --------------------------------------------------------------- */

static enum stop stop_decode(struct thread *thread, int status)
{
	int event = status >> 16, number = WSTOPSIG(status);

	thread->at_event_stop = event == PTRACE_EVENT_STOP;
	switch (event) {
	case PTRACE_EVENT_STOP:
		thread->group_stopped = number != SIGTRAP;
		return STOP_EVENT;
	case PTRACE_EVENT_CLONE:
		return STOP_CLONE;
	case PTRACE_EVENT_EXEC:
		return STOP_EXEC;
	default:
		break;
	}
	if (number == (SIGTRAP | 0x80)) {
		thread->in_syscall = !thread->in_syscall;
		return STOP_SYSCALL;
	}
	thread->pending_signal = number;
	return STOP_SIGNAL;
}

enum stop thread_poll(struct thread *thread)
{
	int status;
	pid_t tid;

	do
		tid = waitpid(thread->tid, &status, __WALL | WNOHANG);
	while (tid < 0 && errno == EINTR);
	if (!tid)
		return STOP_NONE;
	if (tid < 0 || !WIFSTOPPED(status)) {
		thread_gone(thread);
		return STOP_GONE;
	}
	thread->state = THREAD_HELD;
	thread->regs_known = false;
	return stop_decode(thread, status);
}

/* Of a tracee, its stops are told as well, whether asked for or not. */
static siginfo_t thread_peek(const struct thread *thread)
{
	siginfo_t info = { 0 };

	if (waitid(P_PID, (id_t)thread->tid, &info,
		   WSTOPPED | WEXITED | WNOHANG | WNOWAIT | __WALL))
		info.si_code = 0;
	return info;
}

bool thread_has_execed(const struct thread *thread)
{
	const siginfo_t info = thread_peek(thread);

	return info.si_code == CLD_TRAPPED &&
	       info.si_status == (SIGTRAP | PTRACE_EVENT_EXEC << 8);
}

bool thread_has_ended(const struct thread *thread)
{
	const siginfo_t info = thread_peek(thread);

	return info.si_code == CLD_EXITED || info.si_code == CLD_KILLED ||
	       info.si_code == CLD_DUMPED;
}

void thread_interrupt(struct thread *thread)
{
	thread->awaited = true;
	(void)trace(PTRACE_INTERRUPT, thread->tid, 0, 0);
}

int thread_get_child(const struct thread *parent, pid_t *ret_tid)
{
	unsigned long tid;

	if (trace(PTRACE_GETEVENTMSG, parent->tid, 0, (uintptr_t)&tid))
		return -errno;
	*ret_tid = (pid_t)tid;
	return 0;
}

/* --- going on ------------------------------------------------------------ */

/* By PTRACE_CONT, _SYSCALL or _LISTEN; the pending signal goes along. */
static void thread_resume(struct thread *thread, int request)
{
	int number = thread->pending_signal;

	if (request != PTRACE_SYSCALL)
		thread->in_syscall = false;
	thread->pending_signal = 0;
	thread->regs_known = false;
	thread->dormant = false;
	thread->state = THREAD_RUNNING;
	/* Fails for a thread that was killed; the next wait collects it. */
	(void)trace(request, thread->tid, 0, (uintptr_t)number);
}

void thread_continue(struct thread *thread)
{
	thread_resume(thread, PTRACE_CONT);
}

void thread_continue_to_syscall(struct thread *thread)
{
	thread_resume(thread, PTRACE_SYSCALL);
}

void thread_let_go(struct thread *thread)
{
	bool listen = thread->at_event_stop && thread->group_stopped;

	thread->awaited = false;
	thread_resume(thread, listen ? PTRACE_LISTEN : PTRACE_CONT);
}

/* --- a held thread's state ----------------------------------------------- */

int thread_failed(const struct thread *thread, int r, struct hf_diag *diag)
{
	if (r == -ESRCH)
		return hf_error(diag, r, "thread-gone", "thread %d has ended",
				(int)thread->tid);
	return hf_fail(diag, r, "thread %d", (int)thread->tid);
}

int thread_get_regs(struct thread *thread, struct hf_diag *diag)
{
	if (trace(PTRACE_GETREGS, thread->tid, 0, (uintptr_t)&thread->regs)) {
		thread->regs_known = false;
		return thread_failed(thread, -errno, diag);
	}
	thread->regs_known = true;
	return 0;
}

int thread_set_regs(struct thread *thread, const struct user_regs_struct *regs,
		    struct hf_diag *diag)
{
	if (trace(PTRACE_SETREGS, thread->tid, 0, (uintptr_t)regs))
		return thread_failed(thread, -errno, diag);
	thread->regs = *regs;
	thread->regs_known = true;
	return 0;
}

int thread_get_xstate(const struct thread *thread, void *ret_area, size_t *size,
		      struct hf_diag *diag)
{
	struct iovec area = { ret_area, *size };

	if (trace(PTRACE_GETREGSET, thread->tid, NT_X86_XSTATE,
		  (uintptr_t)&area))
		return thread_failed(thread, -errno, diag);
	*size = area.iov_len;
	return 0;
}

int thread_set_xstate(const struct thread *thread, const void *area,
		      size_t size, struct hf_diag *diag)
{
	/* SETREGSET only reads through the pointer that it is given. */
	struct iovec vector = { (void *)(uintptr_t)area, size };

	if (trace(PTRACE_SETREGSET, thread->tid, NT_X86_XSTATE,
		  (uintptr_t)&vector))
		return thread_failed(thread, -errno, diag);
	return 0;
}

int thread_get_signal_mask(const struct thread *thread, uint64_t *ret_mask,
			   struct hf_diag *diag)
{
	if (trace(PTRACE_GETSIGMASK, thread->tid, sizeof(*ret_mask),
		  (uintptr_t)ret_mask))
		return thread_failed(thread, -errno, diag);
	return 0;
}

int thread_set_signal_mask(const struct thread *thread, uint64_t mask,
			   struct hf_diag *diag)
{
	if (trace(PTRACE_SETSIGMASK, thread->tid, sizeof(mask),
		  (uintptr_t)&mask))
		return thread_failed(thread, -errno, diag);
	return 0;
}

/* Spelled out: not all headers have it. */
#define GET_RSEQ_CONFIGURATION 0x420f
struct rseq_configuration {
	uint64_t area;
	uint32_t size;
	uint32_t signature;
	uint32_t flags;
	uint32_t pad;
};

int thread_get_rseq(const struct thread *thread, hf_addr *ret_area,
		    uint32_t *ret_signature)
{
	struct rseq_configuration found = { 0 };

	if (trace(GET_RSEQ_CONFIGURATION, thread->tid, sizeof(found),
		  (uintptr_t)&found) < 0 ||
	    !found.area)
		return -ENOENT;
	*ret_area = found.area;
	*ret_signature = found.signature;
	return 0;
}

/* --- signals and filters ------------------------------------------------- */

int thread_suspend_seccomp(const struct thread *thread, bool suspend)
{
	uintptr_t options = OPTIONS;

	if (suspend)
		options |= PTRACE_O_SUSPEND_SECCOMP;
	return trace(PTRACE_SETOPTIONS, thread->tid, 0, options) ? -errno : 0;
}

/* Of linux/ptrace.h, newer than many a build machine. */
#define REQUEST_GET_USER_DISPATCH 0x4211

struct user_dispatch {
	uint64_t mode; /* 0: off */
	uint64_t selector;
	uint64_t offset;
	uint64_t size;
};

bool thread_dispatches_syscalls(const struct thread *thread)
{
	struct user_dispatch dispatch = { 0 };

	return !trace(REQUEST_GET_USER_DISPATCH, thread->tid, sizeof(dispatch),
		      (uintptr_t)&dispatch) &&
	       dispatch.mode;
}

bool thread_signal_was_sent(const struct thread *thread)
{
	siginfo_t info;

	return !trace(PTRACE_GETSIGINFO, thread->tid, 0, (uintptr_t)&info) &&
	       info.si_code <= 0;
}

void thread_resend_signal(const struct tracee *tracee,
			  const struct thread *thread, int number)
{
	(void)syscall(SYS_tgkill, tracee->process->pid, thread->tid, number);
}
