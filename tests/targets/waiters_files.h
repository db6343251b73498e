/* Waits for data, for room, and for locks of files. */
#pragma once

#include <sys/eventfd.h>
#include <sys/fanotify.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/sendfile.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <sys/wait.h>

#include "waiters.h"

/* --- reading -------------------------------------------------------------- */

static bool call_read(struct waiter *waiter)
{
	char byte = 0;

	return got_byte(waiter, read(waiter->fd[0], &byte, 1), &byte);
}

static bool call_readv(struct waiter *waiter)
{
	char byte = 0, more[8];
	struct iovec parts[] = { { &byte, 1 }, { more, sizeof(more) } };

	return got_byte(waiter, readv(waiter->fd[0], parts, 2), &byte);
}

static bool prepare_pty(struct waiter *waiter)
{
	waiter->fd[1] = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (waiter->fd[1] < 0 || grantpt(waiter->fd[1]) ||
	    unlockpt(waiter->fd[1]))
		return false;
	waiter->fd[0] = open(ptsname(waiter->fd[1]), O_RDWR | O_NOCTTY |
			     O_CLOEXEC);
	return waiter->fd[0] >= 0;
}

/* A terminal gives a line. */
static bool call_terminal(struct waiter *waiter)
{
	char line[8] = "";

	if (!returned(waiter, read(waiter->fd[0], line, sizeof(line)), 2))
		return false;
	return line[0] == byte_due(waiter) && line[1] == '\n';
}

static void wake_terminal(struct waiter *waiter)
{
	char line[2] = { byte_sent(waiter), '\n' };

	must(write(waiter->fd[1], line, 2) == 2, "pty");
}

static bool prepare_eventfd(struct waiter *waiter)
{
	waiter->fd[0] = eventfd(0, EFD_CLOEXEC);
	return waiter->fd[0] >= 0;
}

static bool call_read_count(struct waiter *waiter)
{
	uint64_t count = 0;

	return returned(waiter, read(waiter->fd[0], &count, 8), 8) &&
	       returned(waiter, (long)count, 1);
}

static void wake_eventfd(struct waiter *waiter)
{
	must(!eventfd_write(waiter->fd[0], 1), "eventfd");
}

static bool prepare_timerfd(struct waiter *waiter)
{
	waiter->fd[0] = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
	return waiter->fd[0] >= 0;
}

static void wake_timerfd(struct waiter *waiter)
{
	const struct itimerspec soon = { .it_value.tv_nsec = 1 };

	must(!timerfd_settime(waiter->fd[0], 0, &soon, NULL), "timerfd");
}

static bool call_timerfd_period(struct waiter *waiter)
{
	const struct itimerspec due = { .it_value = wait_time() };

	must(!timerfd_settime(waiter->fd[0], 0, &due, NULL), "timerfd");
	return call_read_count(waiter);
}

/* SIGUSR2 is blocked in every thread. */
static bool prepare_signalfd(struct waiter *waiter)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR2);
	waiter->fd[0] = signalfd(-1, &set, SFD_CLOEXEC);
	return waiter->fd[0] >= 0;
}

static bool call_signalfd(struct waiter *waiter)
{
	struct signalfd_siginfo info = { 0 };

	return returned(waiter, read(waiter->fd[0], &info, sizeof(info)),
			sizeof(info)) &&
	       returned(waiter, (long)info.ssi_signo, SIGUSR2);
}

static void wake_by_signal(struct waiter *waiter)
{
	must(!pthread_kill(waiter->thread, SIGUSR2), "pthread_kill");
}

static bool prepare_directory(struct waiter *waiter)
{
	snprintf(waiter->path, sizeof(waiter->path), "watched.%s",
		 waiter->wait->name);
	waiter->id = open(waiter->path, O_CREAT | O_RDWR | O_CLOEXEC, 0600);
	return waiter->id >= 0;
}

static bool prepare_inotify(struct waiter *waiter)
{
	waiter->fd[0] = inotify_init1(IN_CLOEXEC);
	return prepare_directory(waiter) &&
	       inotify_add_watch(waiter->fd[0], waiter->path, IN_ATTRIB) >= 0;
}

static bool call_inotify(struct waiter *waiter)
{
	struct inotify_event event = { 0 };

	return returned(waiter, read(waiter->fd[0], &event, sizeof(event)),
			sizeof(event)) &&
	       returned(waiter, event.mask, IN_ATTRIB);
}

static void wake_by_attribute(struct waiter *waiter)
{
	must(!fchmod(waiter->id, 0600), "fchmod");
}

static bool prepare_fanotify(struct waiter *waiter)
{
	waiter->fd[0] = fanotify_init(FAN_CLOEXEC | FAN_CLASS_NOTIF, O_RDONLY);
	return waiter->fd[0] >= 0 && prepare_directory(waiter) &&
	       !fanotify_mark(waiter->fd[0], FAN_MARK_ADD, FAN_MODIFY,
			      AT_FDCWD, waiter->path);
}

static bool call_fanotify(struct waiter *waiter)
{
	struct fanotify_event_metadata event = { .fd = -1 };
	long got = read(waiter->fd[0], &event, sizeof(event));

	if (event.fd >= 0)
		close(event.fd);
	return returned(waiter, got, sizeof(event)) &&
	       returned(waiter, (long)event.mask, FAN_MODIFY);
}

static void wake_by_writing(struct waiter *waiter)
{
	must(pwrite(waiter->id, "x", 1, 0) == 1, "pwrite");
}

/* --- writing -------------------------------------------------------------- */

static void fill(int fd)
{
	static const char bytes[65536];
	int flags = fcntl(fd, F_GETFL);

	fcntl(fd, F_SETFL, flags | O_NONBLOCK);
	for (size_t size = sizeof(bytes); size; size /= 2)
		while (write(fd, bytes, size) > 0)
			;
	fcntl(fd, F_SETFL, flags);
}

static void drain(int fd)
{
	char bytes[65536];
	int flags = fcntl(fd, F_GETFL);

	fcntl(fd, F_SETFL, flags | O_NONBLOCK);
	while (read(fd, bytes, sizeof(bytes)) > 0)
		;
	fcntl(fd, F_SETFL, flags);
}

/* One wake lets one call return: the next begins when the waker is done. */
static void waker_works(struct waiter *waiter, bool works)
{
	__atomic_store_n(&waiter->word, works, __ATOMIC_RELEASE);
}

static void waker_await(struct waiter *waiter)
{
	while (__atomic_load_n(&waiter->word, __ATOMIC_ACQUIRE))
		usleep(100);
}

static void wake_by_draining(struct waiter *waiter)
{
	waker_works(waiter, true);
	drain(waiter->fd[0]);
	waker_works(waiter, false);
}

static void fill_again(struct waiter *waiter)
{
	waker_await(waiter);
	fill(waiter->fd[1]);
}

static bool call_write(struct waiter *waiter)
{
	fill_again(waiter);
	return returned(waiter, write(waiter->fd[1], "x", 1), 1);
}

static bool call_writev(struct waiter *waiter)
{
	char byte = 'x';
	struct iovec part = { &byte, 1 };

	fill_again(waiter);
	return returned(waiter, writev(waiter->fd[1], &part, 1), 1);
}

static bool call_vmsplice(struct waiter *waiter)
{
	static char byte = 'x';
	struct iovec part = { &byte, 1 };

	fill_again(waiter);
	return returned(waiter, vmsplice(waiter->fd[1], &part, 1, 0), 1);
}

static bool prepare_sendfile(struct waiter *waiter)
{
	return prepare_pipe(waiter) && prepare_directory(waiter) &&
	       pwrite(waiter->id, "x", 1, 0) == 1;
}

static bool call_sendfile(struct waiter *waiter)
{
	off_t from = 0;

	fill_again(waiter);
	return returned(waiter, sendfile(waiter->fd[1], waiter->id, &from, 1),
			1);
}

/* --- from pipe to pipe ---------------------------------------------------- */

static bool prepare_splice(struct waiter *waiter)
{
	static int sinks[2][2];
	static int nr;
	int *sink = sinks[nr++ % 2];

	if (!prepare_pipe(waiter) || pipe2(sink, O_CLOEXEC))
		return false;
	waiter->memory = sink;
	return true;
}

static bool call_splice(struct waiter *waiter)
{
	const int *sink = waiter->memory;
	char byte = 0;
	long got = splice(waiter->fd[0], NULL, sink[1], NULL, 1, 0);

	return returned(waiter, got, 1) &&
	       got_byte(waiter, read(sink[0], &byte, 1), &byte);
}

static bool call_tee(struct waiter *waiter)
{
	const int *sink = waiter->memory;
	char byte = 0;
	long got = tee(waiter->fd[0], sink[1], 1, 0);

	return returned(waiter, got, 1) &&
	       returned(waiter, read(waiter->fd[0], &byte, 1), 1) &&
	       got_byte(waiter, read(sink[0], &byte, 1), &byte);
}

/* --- opening -------------------------------------------------------------- */

static bool prepare_fifo(struct waiter *waiter)
{
	snprintf(waiter->path, sizeof(waiter->path), "fifo");
	return !mkfifo(waiter->path, 0600);
}

static bool call_open(struct waiter *waiter)
{
	int fd;

	waker_await(waiter);
	fd = open(waiter->path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return returned(waiter, fd, 0);
	close(fd);
	return true;
}

/* Nobody is there to read while the call is about to be made again. */
static void wake_open(struct waiter *waiter)
{
	int fd;

	waker_works(waiter, true);
	while ((fd = open(waiter->path, O_WRONLY | O_NONBLOCK)) < 0)
		must(errno == ENXIO, "fifo");
	close(fd);
	waker_works(waiter, false);
}

/* --- locks ---------------------------------------------------------------- */

/*
 * The waker holds the lock, gives it up, and takes it again: `id` tells whose
 * turn it is, so that the two never race for it.
 */
enum turn { TURN_WAKER, TURN_WAITER };

static void turn_await(struct waiter *waiter, enum turn turn)
{
	while (__atomic_load_n(&waiter->word, __ATOMIC_ACQUIRE) != turn)
		usleep(100);
}

static void turn_give(struct waiter *waiter, enum turn turn)
{
	__atomic_store_n(&waiter->word, turn, __ATOMIC_RELEASE);
}

static bool prepare_lock(struct waiter *waiter,
			 int (*lock)(int fd, bool lock))
{
	if (!prepare_directory(waiter))
		return false;
	waiter->fd[0] = waiter->id;
	waiter->fd[1] = open(waiter->path, O_RDWR | O_CLOEXEC);
	turn_give(waiter, TURN_WAITER);
	return waiter->fd[1] >= 0 && !lock(waiter->fd[1], true);
}

static bool call_lock(struct waiter *waiter, int (*lock)(int fd, bool lock))
{
	int r;

	turn_await(waiter, TURN_WAITER);
	r = lock(waiter->fd[0], true);
	if (!returned(waiter, r, 0))
		return false;
	lock(waiter->fd[0], false);
	turn_give(waiter, TURN_WAKER);
	return true;
}

static void wake_lock(struct waiter *waiter, int (*lock)(int fd, bool lock))
{
	lock(waiter->fd[1], false);
	turn_await(waiter, TURN_WAKER);
	must(!lock(waiter->fd[1], true), waiter->wait->name);
	turn_give(waiter, TURN_WAITER);
}

static int lock_whole(int fd, bool lock)
{
	return flock(fd, lock ? LOCK_EX : LOCK_UN);
}

static int lock_range(int fd, bool lock)
{
	struct flock range = { .l_type = lock ? F_WRLCK : F_UNLCK,
			       .l_whence = SEEK_SET };

	return fcntl(fd, F_OFD_SETLKW, &range);
}

static bool prepare_flock(struct waiter *waiter)
{
	return prepare_lock(waiter, lock_whole);
}

static bool call_flock(struct waiter *waiter)
{
	return call_lock(waiter, lock_whole);
}

static void wake_flock(struct waiter *waiter)
{
	wake_lock(waiter, lock_whole);
}

static bool prepare_ofd_lock(struct waiter *waiter)
{
	return prepare_lock(waiter, lock_range);
}

static bool call_ofd_lock(struct waiter *waiter)
{
	return call_lock(waiter, lock_range);
}

static void wake_ofd_lock(struct waiter *waiter)
{
	wake_lock(waiter, lock_range);
}

/* Locks of processes: a child holds it, and lives as long as it does. */
static int posix_lock(int fd, bool lock)
{
	struct flock range = { .l_type = lock ? F_WRLCK : F_UNLCK,
			       .l_whence = SEEK_SET };

	return fcntl(fd, F_SETLKW, &range);
}

static void posix_lock_hold(struct waiter *waiter)
{
	int ready[2];
	char byte;

	must(!pipe2(ready, O_CLOEXEC), "pipe");
	waiter->fd[1] = fork();
	if (!waiter->fd[1]) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (posix_lock(waiter->id, true) || write(ready[1], "", 1) < 0)
			_exit(1);
		for (;;)
			pause();
	}
	must(read(ready[0], &byte, 1) == 1, "the child's lock");
	close(ready[0]);
	close(ready[1]);
}

static bool prepare_posix_lock(struct waiter *waiter)
{
	if (!prepare_directory(waiter))
		return false;
	posix_lock_hold(waiter);
	turn_give(waiter, TURN_WAITER);
	return true;
}

static bool call_posix_lock(struct waiter *waiter)
{
	turn_await(waiter, TURN_WAITER);
	if (!returned(waiter, posix_lock(waiter->id, true), 0))
		return false;
	posix_lock(waiter->id, false);
	turn_give(waiter, TURN_WAKER);
	return true;
}

static void wake_posix_lock(struct waiter *waiter)
{
	kill(waiter->fd[1], SIGKILL);
	waitpid(waiter->fd[1], NULL, 0);
	turn_await(waiter, TURN_WAKER);
	posix_lock_hold(waiter);
	turn_give(waiter, TURN_WAITER);
}

static const struct wait file_waits[] = {
	{ "read-pipe", prepare_pipe, call_read, wake_by_byte, false },
	{ "readv-pipe", prepare_pipe, call_readv, wake_by_byte, false },
	{ "read-socket", prepare_stream, call_read, wake_by_byte, false },
	{ "readv-socket", prepare_stream, call_readv, wake_by_byte, false },
	{ "read-terminal", prepare_pty, call_terminal, wake_terminal, false },
	{ "read-eventfd", prepare_eventfd, call_read_count, wake_eventfd,
	  false },
	{ "read-timerfd", prepare_timerfd, call_read_count, wake_timerfd,
	  false },
	{ "read-timerfd-due", prepare_timerfd, call_timerfd_period, NULL,
	  false },
	{ "read-signalfd", prepare_signalfd, call_signalfd, wake_by_signal,
	  false },
	{ "read-inotify", prepare_inotify, call_inotify, wake_by_attribute,
	  false },
	{ "read-fanotify", prepare_fanotify, call_fanotify, wake_by_writing,
	  false },
	{ "write-pipe", prepare_pipe, call_write, wake_by_draining, false },
	{ "writev-socket", prepare_stream, call_writev, wake_by_draining,
	  false },
	{ "vmsplice", prepare_pipe, call_vmsplice, wake_by_draining, false },
	{ "sendfile", prepare_sendfile, call_sendfile, wake_by_draining,
	  false },
	{ "splice", prepare_splice, call_splice, wake_by_byte, false },
	{ "tee", prepare_splice, call_tee, wake_by_byte, false },
	{ "open-fifo", prepare_fifo, call_open, wake_open, false },
	{ "flock", prepare_flock, call_flock, wake_flock, false },
	{ "fcntl-ofd", prepare_ofd_lock, call_ofd_lock, wake_ofd_lock, false },
	{ "fcntl-posix", prepare_posix_lock, call_posix_lock, wake_posix_lock,
	  false },
	{ 0 },
};
