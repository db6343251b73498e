/*
 * Waits for time, for words in memory, for signals, for messages, for children
 * and for what was asked of the kernel before.
 */
#pragma once

#include <linux/aio_abi.h>
#include <linux/futex.h>
#include <linux/io_uring.h>
#include <linux/userfaultfd.h>
#include <mqueue.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/wait.h>

#include "waiters_files.h"

static bool prepare_nothing(struct waiter *waiter)
{
	(void)waiter;
	return true;
}

/* --- time ----------------------------------------------------------------- */

static bool call_nanosleep(struct waiter *waiter)
{
	struct timespec time = wait_time(), rest = { 0 };

	return returned(waiter, nanosleep(&time, &rest), 0);
}

static bool call_sleep_relative(struct waiter *waiter)
{
	struct timespec time = wait_time();

	return returned(waiter, clock_nanosleep(CLOCK_BOOTTIME, 0, &time, NULL),
			0);
}

static bool call_sleep_absolute(struct waiter *waiter)
{
	struct timespec until = wait_until(CLOCK_REALTIME);

	return returned(waiter, clock_nanosleep(CLOCK_REALTIME, TIMER_ABSTIME,
						&until, NULL), 0);
}

/* --- futexes -------------------------------------------------------------- */

static long futex(uint32_t *word, int op, uint32_t value,
		  const void *timeout_or_nr, uint32_t *other, uint32_t last)
{
	return syscall(SYS_futex, word, op | FUTEX_PRIVATE_FLAG, value,
		       timeout_or_nr, other, last);
}

static bool call_futex(struct waiter *waiter)
{
	return returned(waiter, futex(&waiter->word, FUTEX_WAIT, 0, NULL, NULL,
				      0), 0);
}

/* Nobody waits while the call is about to be made again. */
static void wake_futex(struct waiter *waiter)
{
	while (futex(&waiter->word, FUTEX_WAKE, 1, NULL, NULL, 0) != 1)
		usleep(100);
}

static bool call_futex_limited(struct waiter *waiter)
{
	struct timespec time = wait_time();

	return failed_with(waiter, futex(&waiter->word, FUTEX_WAIT, 0, &time,
					 NULL, 0), ETIMEDOUT);
}

static bool call_futex_bitset(struct waiter *waiter)
{
	struct timespec until = wait_until(CLOCK_MONOTONIC);

	return failed_with(waiter,
			   futex(&waiter->word, FUTEX_WAIT_BITSET, 0, &until,
				 NULL, FUTEX_BITSET_MATCH_ANY), ETIMEDOUT);
}

/* Moved from one word to another while it waits. */
static bool prepare_requeue(struct waiter *waiter)
{
	waiter->memory = calloc(1, sizeof(uint32_t));
	return true;
}

static void wake_requeued(struct waiter *waiter)
{
	uint32_t *other = waiter->memory;

	while (futex(&waiter->word, FUTEX_CMP_REQUEUE, 0, (void *)1, other,
		     0) != 1)
		usleep(100);
	/* A stop in between takes it back to the word it waited for. */
	while (futex(other, FUTEX_WAKE, 1, NULL, NULL, 0) != 1 &&
	       futex(&waiter->word, FUTEX_WAKE, 1, NULL, NULL, 0) != 1)
		usleep(100);
}

static bool prepare_pi(struct waiter *waiter)
{
	pthread_mutexattr_t kind;

	waiter->memory = calloc(1, sizeof(pthread_mutex_t));
	turn_give(waiter, TURN_WAITER);
	return !pthread_mutexattr_init(&kind) &&
	       !pthread_mutexattr_setprotocol(&kind, PTHREAD_PRIO_INHERIT) &&
	       !pthread_mutex_init(waiter->memory, &kind) &&
	       !pthread_mutex_lock(waiter->memory);
}

static bool call_pi(struct waiter *waiter)
{
	turn_await(waiter, TURN_WAITER);
	if (!returned(waiter, pthread_mutex_lock(waiter->memory), 0))
		return false;
	pthread_mutex_unlock(waiter->memory);
	turn_give(waiter, TURN_WAKER);
	return true;
}

static void wake_pi(struct waiter *waiter)
{
	pthread_mutex_unlock(waiter->memory);
	turn_await(waiter, TURN_WAKER);
	pthread_mutex_lock(waiter->memory);
	turn_give(waiter, TURN_WAITER);
}

static bool call_pi_limited(struct waiter *waiter)
{
	struct timespec until = wait_until(CLOCK_REALTIME);

	return returned(waiter, pthread_mutex_timedlock(waiter->memory, &until),
			ETIMEDOUT);
}

static long futex_waitv(struct waiter *waiter, const struct timespec *until)
{
	struct futex_waitv words[2] = {
		{ 0, (uintptr_t)&waiter->word,
		  FUTEX_32 | FUTEX_PRIVATE_FLAG, 0 },
		{ 0, (uintptr_t)&waiter->result,
		  FUTEX_32 | FUTEX_PRIVATE_FLAG, 0 },
	};

	waiter->result = 0;
	return syscall(SYS_futex_waitv, words, 2, 0, until, CLOCK_MONOTONIC);
}

static bool prepare_waitv(struct waiter *waiter)
{
	(void)waiter;
	return syscall(SYS_futex_waitv, NULL, 0, 0, NULL, 0) < 0 &&
	       errno != ENOSYS;
}

static bool call_waitv(struct waiter *waiter)
{
	return returned(waiter, futex_waitv(waiter, NULL), 0);
}

static bool call_waitv_limited(struct waiter *waiter)
{
	struct timespec until = wait_until(CLOCK_MONOTONIC);

	return failed_with(waiter, futex_waitv(waiter, &until), ETIMEDOUT);
}

/* --- System V ------------------------------------------------------------- */

static bool prepare_semaphore(struct waiter *waiter)
{
	waiter->id = semget(IPC_PRIVATE, 1, 0600);
	return waiter->id >= 0;
}

static bool call_semop(struct waiter *waiter)
{
	struct sembuf down = { 0, -1, 0 };

	return returned(waiter, semop(waiter->id, &down, 1), 0);
}

static void wake_semop(struct waiter *waiter)
{
	struct sembuf up = { 0, 1, 0 };

	must(!semop(waiter->id, &up, 1), "semop");
}

static bool call_semtimedop(struct waiter *waiter)
{
	struct timespec time = wait_time();
	struct sembuf down = { 0, -1, 0 };

	return failed_with(waiter, semtimedop(waiter->id, &down, 1, &time),
			   EAGAIN);
}

struct message {
	long type;
	char byte;
};

static bool prepare_queue(struct waiter *waiter)
{
	waiter->id = msgget(IPC_PRIVATE, 0600);
	return waiter->id >= 0;
}

static bool call_msgrcv(struct waiter *waiter)
{
	struct message message = { 0 };

	return got_byte(waiter, msgrcv(waiter->id, &message, 1, 1, 0),
			&message.byte);
}

static void wake_msgrcv(struct waiter *waiter)
{
	struct message message = { 1, byte_sent(waiter) };

	must(!msgsnd(waiter->id, &message, 1, 0), "msgsnd");
}

static bool call_msgsnd(struct waiter *waiter)
{
	struct message message = { 1, 'x' };

	while (!msgsnd(waiter->id, &message, 1, IPC_NOWAIT))
		;
	return returned(waiter, msgsnd(waiter->id, &message, 1, 0), 0);
}

static void wake_msgsnd(struct waiter *waiter)
{
	struct message message;

	must(msgrcv(waiter->id, &message, 1, 1, 0) == 1, "msgrcv");
}

static void ipc_remove(struct waiter *waiter)
{
	if (waiter->wait->prepare == prepare_queue)
		msgctl(waiter->id, IPC_RMID, NULL);
	else if (waiter->wait->prepare == prepare_semaphore)
		semctl(waiter->id, 0, IPC_RMID);
}

/* --- message queues ------------------------------------------------------- */

static bool prepare_mq(struct waiter *waiter)
{
	struct mq_attr attributes = { .mq_maxmsg = 1, .mq_msgsize = 1 };

	snprintf(waiter->path, sizeof(waiter->path), "/waiters.%d.%s",
		 getpid(), waiter->wait->name);
	waiter->id = mq_open(waiter->path, O_RDWR | O_CREAT | O_EXCL, 0600,
			     &attributes);
	mq_unlink(waiter->path);
	return waiter->id >= 0;
}

static bool prepare_mq_full(struct waiter *waiter)
{
	return prepare_mq(waiter) && !mq_send(waiter->id, "x", 1, 0);
}

static bool call_mq_receive(struct waiter *waiter)
{
	char byte = 0;

	return got_byte(waiter, mq_receive(waiter->id, &byte, 1, NULL), &byte);
}

static void wake_mq_receive(struct waiter *waiter)
{
	char byte = byte_sent(waiter);

	must(!mq_send(waiter->id, &byte, 1, 0), "mq_send");
}

static bool call_mq_receive_limited(struct waiter *waiter)
{
	struct timespec until = wait_until(CLOCK_REALTIME);
	char byte;

	return failed_with(waiter, mq_timedreceive(waiter->id, &byte, 1, NULL,
						   &until), ETIMEDOUT);
}

static bool call_mq_send_limited(struct waiter *waiter)
{
	struct timespec until = wait_until(CLOCK_REALTIME);

	return failed_with(waiter,
			   mq_timedsend(waiter->id, "x", 1, 0, &until),
			   ETIMEDOUT);
}

/* --- signals -------------------------------------------------------------- */

static atomic_ulong nr_handled;

static void on_signal(int number)
{
	(void)number;
	atomic_fetch_add(&nr_handled, 1);
}

static void signal_set(sigset_t *set)
{
	sigemptyset(set);
	sigaddset(set, SIGUSR2);
}

static bool call_sigwaitinfo(struct waiter *waiter)
{
	sigset_t set;

	signal_set(&set);
	return returned(waiter, sigwaitinfo(&set, NULL), SIGUSR2);
}

static bool call_sigtimedwait(struct waiter *waiter)
{
	struct timespec time = wait_time();
	sigset_t set;

	signal_set(&set);
	return failed_with(waiter, sigtimedwait(&set, NULL, &time), EAGAIN);
}

/* These two end by a handler, and by nothing else. */
static bool call_sigsuspend(struct waiter *waiter)
{
	sigset_t none;

	sigemptyset(&none);
	return failed_with(waiter, sigsuspend(&none), EINTR);
}

static bool call_pause(struct waiter *waiter)
{
	sigset_t set;
	bool right;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	pthread_sigmask(SIG_UNBLOCK, &set, NULL);
	right = failed_with(waiter, pause(), EINTR);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	return right;
}

/* Until it is in pause() the signal would come too early. */
static void wake_pause(struct waiter *waiter)
{
	char path[64], text[64] = "";
	int fd;

	snprintf(path, sizeof(path), "/proc/self/task/%d/syscall", waiter->tid);
	do {
		fd = open(path, O_RDONLY | O_CLOEXEC);
		must(read(fd, text, sizeof(text) - 1) > 0, path);
		close(fd);
	} while (atoi(text) != SYS_pause);
	must(!pthread_kill(waiter->thread, SIGUSR1), "pthread_kill");
}

/* --- children ------------------------------------------------------------- */

static pid_t child_start(struct waiter *waiter)
{
	pid_t pid = fork();

	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (;;)
			pause();
	}
	must(pid > 0, "fork");
	__atomic_store_n(&waiter->id, pid, __ATOMIC_RELEASE);
	return pid;
}

static void wake_parent(struct waiter *waiter)
{
	pid_t pid;

	while (!(pid = __atomic_exchange_n(&waiter->id, 0, __ATOMIC_ACQ_REL)))
		usleep(100);
	must(!kill(pid, SIGKILL), "kill");
}

static bool call_wait4(struct waiter *waiter)
{
	pid_t pid = child_start(waiter);
	int status = 0;

	return returned(waiter, waitpid(pid, &status, 0), pid) &&
	       returned(waiter, status, SIGKILL);
}

static bool call_waitid(struct waiter *waiter)
{
	pid_t pid = child_start(waiter);
	siginfo_t info = { 0 };

	return returned(waiter, waitid(P_PID, (id_t)pid, &info, WEXITED), 0) &&
	       returned(waiter, info.si_pid, pid);
}

/* --- asked of the kernel before ------------------------------------------- */

static bool prepare_aio(struct waiter *waiter)
{
	waiter->fd[0] = open("/dev/zero", O_RDONLY | O_CLOEXEC);
	waiter->memory = NULL;
	return !syscall(SYS_io_setup, 8, &waiter->memory);
}

static bool call_io_getevents(struct waiter *waiter)
{
	struct io_event event;

	return returned(waiter, syscall(SYS_io_getevents, waiter->memory, 1, 1,
					&event, NULL), 1);
}

static bool call_io_pgetevents(struct waiter *waiter)
{
	struct io_event event;

	return returned(waiter, syscall(SYS_io_pgetevents, waiter->memory, 1,
					1, &event, NULL, NULL), 1);
}

static void wake_aio(struct waiter *waiter)
{
	static char byte;
	struct iocb request = {
		.aio_fildes = (uint32_t)waiter->fd[0],
		.aio_lio_opcode = IOCB_CMD_PREAD,
		.aio_buf = (uintptr_t)&byte,
		.aio_nbytes = 1,
	};
	struct iocb *requests[] = { &request };

	must(syscall(SYS_io_submit, waiter->memory, 1, requests) == 1,
	     "io_submit");
}

static bool call_io_getevents_limited(struct waiter *waiter)
{
	struct timespec time = wait_time();
	struct io_event event;

	return returned(waiter, syscall(SYS_io_getevents, waiter->memory, 1, 1,
					&event, &time), 0);
}

/* A ring without work; IORING_SETUP_NO_SQARRAY is too new to rely on. */
struct uring {
	struct io_uring_params params;
	uint8_t *rings;
	struct io_uring_sqe *requests;
};

static uint32_t *uring_word(const struct uring *uring, uint32_t offset)
{
	return (uint32_t *)(void *)(uring->rings + offset);
}

static bool prepare_uring(struct waiter *waiter)
{
	struct uring *uring = calloc(1, sizeof(*uring));
	int fd = (int)syscall(SYS_io_uring_setup, 8, &uring->params);
	size_t size = 4096;

	if (fd < 0 || !(uring->params.features & IORING_FEAT_SINGLE_MMAP) ||
	    !(uring->params.features & IORING_FEAT_EXT_ARG))
		return false;
	uring->rings = mmap(NULL, size, PROT_READ | PROT_WRITE,
			    MAP_SHARED | MAP_POPULATE, fd, IORING_OFF_SQ_RING);
	uring->requests = mmap(NULL, size, PROT_READ | PROT_WRITE,
			       MAP_SHARED | MAP_POPULATE, fd, IORING_OFF_SQES);
	if (uring->rings == MAP_FAILED || uring->requests == MAP_FAILED)
		return false;
	waiter->fd[0] = fd;
	waiter->memory = uring;
	return true;
}

static bool call_uring(struct waiter *waiter)
{
	struct uring *uring = waiter->memory;
	long got = syscall(SYS_io_uring_enter, waiter->fd[0], 0, 1,
			   IORING_ENTER_GETEVENTS, NULL, 0);

	if (!returned(waiter, got, 0))
		return false;
	__atomic_fetch_add(uring_word(uring, uring->params.cq_off.head), 1,
			   __ATOMIC_RELEASE);
	return true;
}

static void wake_uring(struct waiter *waiter)
{
	struct uring *uring = waiter->memory;
	uint32_t *tail = uring_word(uring, uring->params.sq_off.tail);
	uint32_t slot = *tail % uring->params.sq_entries;

	uring->requests[slot] = (struct io_uring_sqe){ .opcode = IORING_OP_NOP };
	uring_word(uring, uring->params.sq_off.array)[slot] = slot;
	__atomic_store_n(tail, *tail + 1, __ATOMIC_RELEASE);
	must(syscall(SYS_io_uring_enter, waiter->fd[0], 1, 0, 0, NULL, 0) == 1,
	     "io_uring_enter");
}

static bool call_uring_limited(struct waiter *waiter)
{
	struct timespec time = wait_time();
	struct __kernel_timespec limit = { time.tv_sec, time.tv_nsec };
	struct io_uring_getevents_arg how = { .ts = (uintptr_t)&limit };

	return failed_with(waiter,
			   syscall(SYS_io_uring_enter, waiter->fd[0], 0, 1,
				   IORING_ENTER_GETEVENTS |
					   IORING_ENTER_EXT_ARG,
				   &how, sizeof(how)), ETIME);
}

/* --- a page that somebody else has to bring -------------------------------- */

static bool prepare_fault(struct waiter *waiter)
{
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register area = { .range = { 0, 4096 },
					.mode = UFFDIO_REGISTER_MODE_MISSING };

	waiter->fd[0] = (int)syscall(SYS_userfaultfd, O_CLOEXEC);
	waiter->memory = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
			      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	area.range.start = (uintptr_t)waiter->memory;
	return waiter->fd[0] >= 0 && waiter->memory != MAP_FAILED &&
	       !ioctl(waiter->fd[0], UFFDIO_API, &api) &&
	       !ioctl(waiter->fd[0], UFFDIO_REGISTER, &area);
}

static bool call_fault(struct waiter *waiter)
{
	long value = *(volatile char *)waiter->memory;

	madvise(waiter->memory, 4096, MADV_DONTNEED);
	return returned(waiter, value, 0);
}

/* A fault that a stop interrupted is told of twice. */
static void wake_fault(struct waiter *waiter)
{
	struct uffdio_zeropage zero = {
		.range = { (uintptr_t)waiter->memory, 4096 },
	};
	struct uffd_msg message;

	must(read(waiter->fd[0], &message, sizeof(message)) ==
		     sizeof(message), "userfaultfd");
	must(!ioctl(waiter->fd[0], UFFDIO_ZEROPAGE, &zero), "UFFDIO_ZEROPAGE");
}

static const struct wait other_waits[] = {
	{ "nanosleep", prepare_nothing, call_nanosleep, NULL, false },
	{ "clock_nanosleep", prepare_nothing, call_sleep_relative, NULL, false },
	{ "clock_nanosleep-absolute", prepare_nothing, call_sleep_absolute,
	  NULL, false },
	{ "futex", prepare_nothing, call_futex, wake_futex, false },
	{ "futex-limited", prepare_nothing, call_futex_limited, NULL, false },
	{ "futex-bitset", prepare_nothing, call_futex_bitset, NULL, false },
	{ "futex-requeue", prepare_requeue, call_futex, wake_requeued, false },
	{ "futex-pi", prepare_pi, call_pi, wake_pi, false },
	{ "futex-pi-limited", prepare_pi, call_pi_limited, NULL, false },
	{ "futex_waitv", prepare_waitv, call_waitv, wake_futex, false },
	{ "futex_waitv-limited", prepare_waitv, call_waitv_limited, NULL,
	  false },
	{ "semop", prepare_semaphore, call_semop, wake_semop, false },
	{ "semtimedop", prepare_semaphore, call_semtimedop, NULL, true },
	{ "msgrcv", prepare_queue, call_msgrcv, wake_msgrcv, false },
	{ "msgsnd", prepare_queue, call_msgsnd, wake_msgsnd, false },
	{ "mq_receive", prepare_mq, call_mq_receive, wake_mq_receive, false },
	{ "mq_timedreceive", prepare_mq, call_mq_receive_limited, NULL, false },
	{ "mq_timedsend", prepare_mq_full, call_mq_send_limited, NULL, false },
	{ "sigwaitinfo", prepare_nothing, call_sigwaitinfo, wake_by_signal,
	  false },
	{ "sigtimedwait", prepare_nothing, call_sigtimedwait, NULL, true },
	{ "sigsuspend", prepare_nothing, call_sigsuspend, wake_by_signal,
	  false },
	{ "pause", prepare_nothing, call_pause, wake_pause, false },
	{ "wait4", prepare_nothing, call_wait4, wake_parent, false },
	{ "waitid", prepare_nothing, call_waitid, wake_parent, false },
	{ "io_getevents", prepare_aio, call_io_getevents, wake_aio, false },
	{ "io_pgetevents", prepare_aio, call_io_pgetevents, wake_aio, false },
	{ "io_getevents-limited", prepare_aio, call_io_getevents_limited, NULL,
	  true },
	{ "io_uring_enter", prepare_uring, call_uring, wake_uring, false },
	{ "io_uring_enter-limited", prepare_uring, call_uring_limited, NULL,
	  true },
	{ "page-fault", prepare_fault, call_fault, wake_fault, false },
	{ 0 },
};
