/*
 * System calls that our stops interrupt. See restart.h.
 *
 * What is known of each call stands in one table. A call that is not in it
 * restarts by a code that the kernel understands, and needs nothing of us; or
 * nobody knows that it may be made twice, and then its EINTR stays.
 */
#include "restart.h"

#include <errno.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "clock.h"
#include "time_limit.h"

enum restart_kind {
	RESTART_REPEAT = 1, /* answers EINTR to any stop; may be made again */
	RESTART_REST,	    /* the kernel remembers how long is left to wait */
};

static const struct {
	uint16_t number;
	uint8_t kind;
} calls[] = {
	{ SYS_read, RESTART_REPEAT },
	{ SYS_readv, RESTART_REPEAT },
	{ SYS_write, RESTART_REPEAT },
	{ SYS_writev, RESTART_REPEAT },
	/* on sockets with a time-out */
	{ SYS_recvfrom, RESTART_REPEAT },
	{ SYS_recvmsg, RESTART_REPEAT },
	{ SYS_recvmmsg, RESTART_REPEAT },
	{ SYS_sendto, RESTART_REPEAT },
	{ SYS_sendmsg, RESTART_REPEAT },
	{ SYS_sendmmsg, RESTART_REPEAT },
	{ SYS_accept, RESTART_REPEAT },
	{ SYS_accept4, RESTART_REPEAT },
	{ SYS_connect, RESTART_REPEAT },

	{ SYS_epoll_wait, RESTART_REPEAT },
	{ SYS_epoll_pwait, RESTART_REPEAT },
	{ SYS_epoll_pwait2, RESTART_REPEAT },
	{ SYS_semop, RESTART_REPEAT },
	{ SYS_semtimedop, RESTART_REPEAT },
	{ SYS_rt_sigtimedwait, RESTART_REPEAT },
	{ SYS_io_getevents, RESTART_REPEAT },
	{ SYS_io_pgetevents, RESTART_REPEAT },
	{ SYS_io_uring_enter, RESTART_REPEAT },

	{ SYS_nanosleep, RESTART_REST },
	{ SYS_clock_nanosleep, RESTART_REST },
	{ SYS_poll, RESTART_REST },
	{ SYS_futex, RESTART_REST },
	{ SYS_restart_syscall, RESTART_REST },
};

static bool syscall_is(uint64_t number, enum restart_kind kind)
{
	for (size_t i = 0; i < ARRAY_SIZE(calls); i++)
		if (calls[i].number == number)
			return calls[i].kind == kind;
	return false;
}

bool syscall_keeps_rest(uint64_t number)
{
	return syscall_is(number, RESTART_REST);
}

bool value_is_restart(int64_t value)
{
	return value <= -ERESTARTSYS && value >= -ERESTART_RESTARTBLOCK;
}

/* --- marks ---------------------------------------------------------------- */

#define MARK_SHIFT 32
#define MARK_MAGIC_SHIFT 56
#define MARK_MAGIC ((uint64_t)'H')
#define MARK_TIME_MASK 0xffffffu
#define MARK_UNIT_NS (4 * NS_PER_MS)

/* Does the kernel look at the lower half of rax only? Asked by a call of ours,
 * with a mark. */
static bool marks_possible(void)
{
	static int answer = -1;

	if (answer < 0)
		answer = syscall((long)(MARK_MAGIC << MARK_MAGIC_SHIFT) |
				 SYS_getpid) == getpid();
	return answer;
}

static uint64_t mark_now(void)
{
	uint64_t units = monotonic_ns() / MARK_UNIT_NS;

	return MARK_MAGIC << MARK_MAGIC_SHIFT |
	       (units & MARK_TIME_MASK) << MARK_SHIFT;
}

static bool is_marked(const struct user_regs_struct *regs)
{
	return regs->orig_rax >> MARK_MAGIC_SHIFT == MARK_MAGIC;
}

/* Rounded down. After 18 hours it begins again at 0: too little, never more. */
static uint64_t mark_age_ns(const struct user_regs_struct *regs)
{
	uint64_t then = regs->orig_rax >> MARK_SHIFT;
	uint64_t units = ((mark_now() >> MARK_SHIFT) - then) & MARK_TIME_MASK;

	return units ? (units - 1) * MARK_UNIT_NS : 0;
}

/* --- mending -------------------------------------------------------------- */

static bool time_is_over(const struct process *process,
			 const struct thread *thread, int64_t *ret_result)
{
	struct time_limit limit;
	uint64_t age_ns;

	if (!is_marked(&thread->regs))
		return false;
	age_ns = mark_age_ns(&thread->regs);
	if (!age_ns || time_limit_read(process, thread, &limit) ||
	    age_ns < limit.ns)
		return false;
	*ret_result = limit.result;
	return true;
}

int thread_mend(const struct process *process, struct thread *thread,
		struct hf_diag *diag)
{
	struct user_regs_struct regs = thread->regs;
	int64_t result = -ERESTARTNOHAND;

	if ((int64_t)regs.rax != -EINTR || thread->group_stopped ||
	    !syscall_is((uint32_t)regs_syscall(&regs), RESTART_REPEAT))
		return 0;
	if (!time_is_over(process, thread, &result) && !is_marked(&regs) &&
	    time_limit_possible(&regs) && marks_possible())
		regs.orig_rax = mark_now() | (uint32_t)regs.orig_rax;
	regs.rax = (uint64_t)result;
	return thread_set_regs(thread, &regs, diag);
}

/* The arguments are still there, and in all C libraries the number is in the
 * instruction before the system call. */
void restart_name_syscall(const struct process *process,
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
	    syscall_keeps_rest(number))
		regs->orig_rax = number;
}
