#include "time_limit.h"

#include <errno.h>
#include <linux/kcmp.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

#include "clock.h"
#include "restart.h"

/* IORING_ENTER_*; later ones change what the time means. */
#define URING_ENTER_EXT_ARG 0x08
#define URING_ENTER_KNOWN 0x1f

enum limit_kind {
	LIMIT_MS,	/* in the register, negative: none */
	LIMIT_TIMESPEC, /* the register points to it, NULL: none */
	LIMIT_URING,
	LIMIT_RECEIVE, /* SO_RCVTIMEO of the first argument */
	LIMIT_SEND,    /* SO_SNDTIMEO */
	LIMIT_CONNECT,
};

#define IN(name) offsetof(struct user_regs_struct, name)

static const struct call {
	uint16_t number;
	uint8_t kind;
	uint8_t argument;
	int16_t result;
} calls[] = {
	{ SYS_epoll_wait, LIMIT_MS, IN(r10), 0 },
	{ SYS_epoll_pwait, LIMIT_MS, IN(r10), 0 },
	{ SYS_epoll_pwait2, LIMIT_TIMESPEC, IN(r10), 0 },
	{ SYS_semtimedop, LIMIT_TIMESPEC, IN(r10), -EAGAIN },
	{ SYS_rt_sigtimedwait, LIMIT_TIMESPEC, IN(rdx), -EAGAIN },
	{ SYS_io_getevents, LIMIT_TIMESPEC, IN(r8), 0 },
	{ SYS_io_pgetevents, LIMIT_TIMESPEC, IN(r8), 0 },
	{ SYS_io_uring_enter, LIMIT_URING, IN(r8), -ETIME },
	{ SYS_read, LIMIT_RECEIVE, IN(rdi), -EAGAIN },
	{ SYS_readv, LIMIT_RECEIVE, IN(rdi), -EAGAIN },
	{ SYS_recvfrom, LIMIT_RECEIVE, IN(rdi), -EAGAIN },
	{ SYS_recvmsg, LIMIT_RECEIVE, IN(rdi), -EAGAIN },
	{ SYS_recvmmsg, LIMIT_RECEIVE, IN(rdi), -EAGAIN },
	{ SYS_accept, LIMIT_RECEIVE, IN(rdi), -EAGAIN },
	{ SYS_accept4, LIMIT_RECEIVE, IN(rdi), -EAGAIN },
	{ SYS_write, LIMIT_SEND, IN(rdi), -EAGAIN },
	{ SYS_writev, LIMIT_SEND, IN(rdi), -EAGAIN },
	{ SYS_sendto, LIMIT_SEND, IN(rdi), -EAGAIN },
	{ SYS_sendmsg, LIMIT_SEND, IN(rdi), -EAGAIN },
	{ SYS_sendmmsg, LIMIT_SEND, IN(rdi), -EAGAIN },
	{ SYS_connect, LIMIT_CONNECT, IN(rdi), -EINPROGRESS },
};

static const struct call *call_find(const struct user_regs_struct *regs)
{
	for (size_t i = 0; i < ARRAY_SIZE(calls); i++)
		if (calls[i].number == regs_syscall(regs))
			return &calls[i];
	return NULL;
}

static uint64_t argument(const struct call *call,
			 const struct user_regs_struct *regs)
{
	uint64_t value;

	memcpy(&value, (const uint8_t *)regs + call->argument, sizeof(value));
	return value;
}

bool time_limit_possible(const struct user_regs_struct *regs)
{
	const struct call *call = call_find(regs);

	if (!call)
		return false;
	if (call->kind == LIMIT_MS)
		return (int32_t)argument(call, regs) >= 0;
	return call->kind != LIMIT_TIMESPEC || argument(call, regs);
}

/* --- in memory ------------------------------------------------------------ */

static int timespec_read(const struct process *process, hf_addr address,
			 uint64_t *ret_ns)
{
	struct timespec time;

	if (!address || process_read(process, address, &time, sizeof(time)) ||
	    time.tv_sec < 0 || time.tv_nsec < 0 ||
	    (uint64_t)time.tv_sec > UINT64_MAX / NS_PER_S - 1)
		return -ENOENT;
	*ret_ns = (uint64_t)time.tv_sec * NS_PER_S + (uint64_t)time.tv_nsec;
	return 0;
}

/* struct io_uring_getevents_arg */
struct uring_argument {
	uint64_t mask;
	uint32_t mask_size;
	uint32_t min_wait_us;
	uint64_t time;
};

static int uring_read(const struct process *process,
		      const struct user_regs_struct *regs, uint64_t *ret_ns)
{
	struct uring_argument argument;

	if (!(regs->r10 & URING_ENTER_EXT_ARG) ||
	    regs->r10 & ~(uint64_t)(URING_ENTER_KNOWN) ||
	    process_read(process, regs->r8, &argument, sizeof(argument)) ||
	    argument.min_wait_us)
		return -ENOENT;
	return timespec_read(process, argument.time, ret_ns);
}

/* --- of a socket ---------------------------------------------------------- */

/* Descriptors of a thread that has a table of its own mean something else. */
static bool shares_descriptors(const struct process *process,
			       const struct thread *thread)
{
	return thread->tid == process->pid ||
	       !syscall(SYS_kcmp, process->pid, thread->tid, KCMP_FILES, 0, 0);
}

static int descriptor_borrow(const struct process *process,
			     const struct thread *thread)
{
	owned(close_p) int process_fd = -1;

	if (!shares_descriptors(process, thread))
		return -ENOENT;
	process_fd = (int)syscall(SYS_pidfd_open, process->pid, 0);
	if (process_fd < 0)
		return -ENOENT;
	return (int)syscall(SYS_pidfd_getfd, process_fd,
			    (int)thread->regs.rdi, 0);
}

static int socket_read(const struct process *process,
		       const struct thread *thread, int option,
		       struct time_limit *limit, int *ret_domain)
{
	owned(close_p) int fd = descriptor_borrow(process, thread);
	socklen_t size = sizeof(struct timeval), domain_size = sizeof(int);
	struct timeval time;

	if (fd < 0 || getsockopt(fd, SOL_SOCKET, option, &time, &size) ||
	    getsockopt(fd, SOL_SOCKET, SO_DOMAIN, ret_domain, &domain_size) ||
	    (!time.tv_sec && !time.tv_usec))
		return -ENOENT;
	limit->ns = (uint64_t)time.tv_sec * NS_PER_S +
		    (uint64_t)time.tv_usec * NS_PER_US;
	return 0;
}

int time_limit_read(const struct process *process, const struct thread *thread,
		    struct time_limit *ret_limit)
{
	const struct call *call = call_find(&thread->regs);
	int r = -ENOENT, domain = 0;

	if (!call || !time_limit_possible(&thread->regs))
		return -ENOENT;
	ret_limit->result = call->result;
	switch ((enum limit_kind)call->kind) {
	case LIMIT_MS:
		ret_limit->ns = argument(call, &thread->regs) * NS_PER_MS;
		return 0;
	case LIMIT_TIMESPEC:
		return timespec_read(process, argument(call, &thread->regs),
				     &ret_limit->ns);
	case LIMIT_URING:
		return uring_read(process, &thread->regs, &ret_limit->ns);
	case LIMIT_RECEIVE:
		return socket_read(process, thread, SO_RCVTIMEO, ret_limit,
				   &domain);
	case LIMIT_SEND:
		return socket_read(process, thread, SO_SNDTIMEO, ret_limit,
				   &domain);
	case LIMIT_CONNECT:
		r = socket_read(process, thread, SO_SNDTIMEO, ret_limit,
				&domain);
		/* These have no connection that could be in progress. */
		if (domain == AF_UNIX)
			ret_limit->result = -EAGAIN;
		return r;
	}
	return r;
}
