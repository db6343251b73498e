/*
 * A thread that waits in one system call, again and again. See waiters.c.
 *
 * Each kind of wait is a struct wait in a table: how to prepare it, one call,
 * and, unless the call has a timeout, how another thread ends it. What a call
 * returns is right only when somebody has ended it, or when its time is over.
 */
#pragma once

#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>

#include "target.h"

struct waiter;

struct wait {
	const char *name;
	/* false: this machine does not have it */
	bool (*prepare)(struct waiter *waiter);
	/* One call. Return: whether its result is what it has to be. */
	bool (*call)(struct waiter *waiter);
	/* NULL: the call ends by its timeout. */
	void (*wake)(struct waiter *waiter);
	/*
	 * The kernel forgets how long such a call has waited when it is
	 * stopped, and keeps no rest: made again, it waits its whole time.
	 */
	bool forgets;
};

struct waiter {
	const struct wait *wait;
	pthread_t thread;
	pid_t tid;
	int fd[2];  /* the call's own, and the waker's */
	int id;	    /* of System V, or whatever a kind needs */
	uint32_t word;
	void *memory;
	char path[64];
	atomic_ulong nr_woken, nr_returned, nr_wrong;
	atomic_ulong longest_ns; /* beyond its timeout */
	int error;		 /* errno of the first wrong result */
	long result;
	uint64_t began_ns;
};

#define WAIT_MS_DEFAULT 200
static long wait_ms = WAIT_MS_DEFAULT;

static inline uint64_t now_ns(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static inline struct timespec timespec_of(uint64_t ns)
{
	return (struct timespec){ (time_t)(ns / 1000000000),
				  (long)(ns % 1000000000) };
}

static inline struct timespec wait_time(void)
{
	return timespec_of((uint64_t)wait_ms * 1000000);
}

static inline struct timespec wait_until(clockid_t clock)
{
	return timespec_of(now_ns(clock) + (uint64_t)wait_ms * 1000000);
}

/* Remembers what a call returned, for the report. */
static inline bool returned(struct waiter *waiter, long result, long right)
{
	if (result == right)
		return true;
	waiter->error = result < 0 ? errno : 0;
	waiter->result = result;
	return false;
}

/* The same for a call that has to fail. */
static inline bool failed_with(struct waiter *waiter, long result, int error)
{
	if (result == -1 && errno == error)
		return true;
	waiter->error = result < 0 ? errno : 0;
	waiter->result = result;
	return false;
}

/* The byte that the next wake sends; the one that woke us last. */
static inline char byte_sent(struct waiter *waiter)
{
	return (char)('a' + atomic_load(&waiter->nr_woken) % 26);
}

static inline char byte_due(struct waiter *waiter)
{
	return (char)('a' + (atomic_load(&waiter->nr_returned) + 1) % 26);
}

static inline void must(bool done, const char *what)
{
	if (done)
		return;
	answer("%s: %s", what, strerror(errno));
	_exit(3);
}

static inline void wake_by_byte(struct waiter *waiter)
{
	char byte = byte_sent(waiter);

	must(write(waiter->fd[1], &byte, 1) == 1, waiter->wait->name);
}

static inline bool prepare_pipe(struct waiter *waiter)
{
	return !pipe2(waiter->fd, O_CLOEXEC);
}

static inline bool prepare_stream(struct waiter *waiter)
{
	return !socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, waiter->fd);
}

/* One byte, and the right one. */
static inline bool got_byte(struct waiter *waiter, long result,
			    const char *byte)
{
	return returned(waiter, result, 1) &&
	       returned(waiter, *byte, byte_due(waiter));
}
