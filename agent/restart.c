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

int thread_mend(struct thread *thread, struct hf_diag *diag)
{
	struct user_regs_struct regs = thread->regs;

	if ((int64_t)regs.rax != -EINTR || thread->group_stopped ||
	    !syscall_is(regs.orig_rax, RESTART_REPEAT))
		return 0;
	regs.rax = (uint64_t)-ERESTARTNOHAND;
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
