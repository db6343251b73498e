/* Waits of sockets, and for any of several descriptors. */
#pragma once

#include <netinet/in.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/select.h>
#include <sys/un.h>

#include "waiters_files.h"

static bool timeout_set(int fd, int option)
{
	struct timespec time = wait_time();
	struct timeval limit = { time.tv_sec, time.tv_nsec / 1000 };

	return !setsockopt(fd, SOL_SOCKET, option, &limit, sizeof(limit));
}

/* --- receiving and sending ------------------------------------------------ */

static bool prepare_datagrams(struct waiter *waiter)
{
	return !socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, waiter->fd);
}

static bool prepare_udp(struct waiter *waiter)
{
	struct sockaddr_in address = {
		.sin_family = AF_INET,
		.sin_addr = { htonl(INADDR_LOOPBACK) },
	};
	socklen_t size = sizeof(address);

	waiter->fd[0] = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	waiter->fd[1] = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	return !bind(waiter->fd[0], (void *)&address, size) &&
	       !getsockname(waiter->fd[0], (void *)&address, &size) &&
	       !connect(waiter->fd[1], (void *)&address, size);
}

static bool prepare_stream_limited(struct waiter *waiter)
{
	return prepare_stream(waiter) &&
	       timeout_set(waiter->fd[0], SO_RCVTIMEO) &&
	       timeout_set(waiter->fd[1], SO_SNDTIMEO);
}

static bool prepare_udp_limited(struct waiter *waiter)
{
	return prepare_udp(waiter) && timeout_set(waiter->fd[0], SO_RCVTIMEO);
}

static bool call_recv(struct waiter *waiter)
{
	char byte = 0;

	return got_byte(waiter, recv(waiter->fd[0], &byte, 1, 0), &byte);
}

static bool call_recvfrom(struct waiter *waiter)
{
	struct sockaddr_storage from;
	socklen_t size = sizeof(from);
	char byte = 0;

	return got_byte(waiter, recvfrom(waiter->fd[0], &byte, 1, 0,
					 (void *)&from, &size), &byte);
}

static long receive_message(struct waiter *waiter, char *byte)
{
	struct iovec part = { byte, 1 };
	struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1 };

	return recvmsg(waiter->fd[0], &message, 0);
}

static bool call_recvmsg(struct waiter *waiter)
{
	char byte = 0;

	return got_byte(waiter, receive_message(waiter, &byte), &byte);
}

static long receive_messages(struct waiter *waiter, char *byte)
{
	struct iovec part = { byte, 1 };
	struct mmsghdr message = {
		.msg_hdr = { .msg_iov = &part, .msg_iovlen = 1 },
	};

	return recvmmsg(waiter->fd[0], &message, 1, 0, NULL);
}

static bool call_recvmmsg(struct waiter *waiter)
{
	char byte = 0;

	return got_byte(waiter, receive_messages(waiter, &byte), &byte);
}

static bool call_recv_limited(struct waiter *waiter)
{
	char byte;

	return failed_with(waiter, recv(waiter->fd[0], &byte, 1, 0), EAGAIN);
}

static bool call_read_limited(struct waiter *waiter)
{
	char byte;

	return failed_with(waiter, read(waiter->fd[0], &byte, 1), EAGAIN);
}

static bool call_recvmsg_limited(struct waiter *waiter)
{
	char byte;

	return failed_with(waiter, receive_message(waiter, &byte), EAGAIN);
}

static bool call_recvmmsg_limited(struct waiter *waiter)
{
	char byte;

	return failed_with(waiter, receive_messages(waiter, &byte), EAGAIN);
}

static bool call_send(struct waiter *waiter)
{
	fill_again(waiter);
	return returned(waiter, send(waiter->fd[1], "x", 1, 0), 1);
}

static bool call_send_limited(struct waiter *waiter)
{
	fill_again(waiter);
	return failed_with(waiter, send(waiter->fd[1], "x", 1, 0), EAGAIN);
}

static bool call_sendmsg(struct waiter *waiter)
{
	char byte = 'x';
	struct iovec part = { &byte, 1 };
	const struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1 };

	fill_again(waiter);
	return returned(waiter, sendmsg(waiter->fd[1], &message, 0), 1);
}

/* --- connections ---------------------------------------------------------- */

static bool listen_tcp(struct waiter *waiter, struct sockaddr_in *ret_address,
		       int backlog)
{
	struct sockaddr_in address = {
		.sin_family = AF_INET,
		.sin_addr = { htonl(INADDR_LOOPBACK) },
	};
	socklen_t size = sizeof(address);

	waiter->fd[0] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (bind(waiter->fd[0], (void *)&address, size) ||
	    getsockname(waiter->fd[0], (void *)&address, &size))
		return false;
	*ret_address = address;
	return !listen(waiter->fd[0], backlog);
}

static bool prepare_listener(struct waiter *waiter)
{
	waiter->memory = malloc(sizeof(struct sockaddr_in));
	return waiter->memory && listen_tcp(waiter, waiter->memory, 16);
}

static bool prepare_listener_limited(struct waiter *waiter)
{
	return prepare_listener(waiter) &&
	       timeout_set(waiter->fd[0], SO_RCVTIMEO);
}

static bool accepted(struct waiter *waiter, int fd)
{
	if (fd < 0)
		return returned(waiter, fd, 0);
	close(fd);
	return true;
}

static bool call_accept(struct waiter *waiter)
{
	return accepted(waiter, accept(waiter->fd[0], NULL, NULL));
}

static bool call_accept4(struct waiter *waiter)
{
	return accepted(waiter,
			accept4(waiter->fd[0], NULL, NULL, SOCK_CLOEXEC));
}

static bool call_accept_limited(struct waiter *waiter)
{
	return failed_with(waiter, accept(waiter->fd[0], NULL, NULL), EAGAIN);
}

static void wake_accept(struct waiter *waiter)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	must(!connect(fd, waiter->memory, sizeof(struct sockaddr_in)),
	     "connect");
	close(fd);
}

static int connect_unix(struct waiter *waiter, int flags, bool limited)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | flags, 0);
	int r;

	if (limited)
		timeout_set(fd, SO_SNDTIMEO);
	r = connect(fd, waiter->memory, sizeof(struct sockaddr_un));
	if (!r)
		return fd;
	r = errno;
	close(fd);
	errno = r;
	return -1;
}

/* A listener whose queue is full. */
static bool prepare_full_listener(struct waiter *waiter)
{
	struct sockaddr_un *address = calloc(1, sizeof(*address));

	address->sun_family = AF_UNIX;
	snprintf(address->sun_path, sizeof(address->sun_path), "listen.%s",
		 waiter->wait->name);
	waiter->memory = address;
	waiter->fd[0] = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (bind(waiter->fd[0], (void *)address, sizeof(*address)) ||
	    listen(waiter->fd[0], 0))
		return false;
	while (connect_unix(waiter, SOCK_NONBLOCK, false) >= 0)
		;
	return true;
}

static bool call_connect(struct waiter *waiter)
{
	return accepted(waiter, connect_unix(waiter, 0, false));
}

static bool call_connect_limited(struct waiter *waiter)
{
	return failed_with(waiter, connect_unix(waiter, 0, true), EAGAIN);
}

static void wake_connect(struct waiter *waiter)
{
	int fd = accept(waiter->fd[0], NULL, NULL);

	must(fd >= 0, "accept");
	close(fd);
}

/* --- any of several ------------------------------------------------------- */

/* An epoll descriptor with a counter in it. */
static bool prepare_epoll(struct waiter *waiter)
{
	struct epoll_event event = { .events = EPOLLIN };

	if (!prepare_eventfd(waiter))
		return false;
	waiter->fd[1] = epoll_create1(EPOLL_CLOEXEC);
	return !epoll_ctl(waiter->fd[1], EPOLL_CTL_ADD, waiter->fd[0], &event);
}

/* One is ready: takes the count away that made it so. */
static bool one_ready(struct waiter *waiter, long result)
{
	return returned(waiter, result, 1) && call_read_count(waiter);
}

static bool call_epoll_wait(struct waiter *waiter)
{
	struct epoll_event event;

	return one_ready(waiter, epoll_wait(waiter->fd[1], &event, 1, -1));
}

static bool call_epoll_pwait(struct waiter *waiter)
{
	struct epoll_event event;
	sigset_t set;

	sigfillset(&set);
	return one_ready(waiter,
			 epoll_pwait(waiter->fd[1], &event, 1, -1, &set));
}

static bool call_epoll_pwait2(struct waiter *waiter)
{
	struct epoll_event event;

	return one_ready(waiter, syscall(SYS_epoll_pwait2, waiter->fd[1],
					 &event, 1, NULL, NULL, 0));
}

static bool call_epoll_wait_limited(struct waiter *waiter)
{
	struct epoll_event event;

	return returned(waiter,
			epoll_wait(waiter->fd[1], &event, 1, (int)wait_ms), 0);
}

static bool call_epoll_pwait2_limited(struct waiter *waiter)
{
	struct timespec time = wait_time();
	struct epoll_event event;

	return returned(waiter, syscall(SYS_epoll_pwait2, waiter->fd[1],
					&event, 1, &time, NULL, 0), 0);
}

static bool call_poll(struct waiter *waiter)
{
	struct pollfd poll_fd = { waiter->fd[0], POLLIN, 0 };

	return one_ready(waiter, poll(&poll_fd, 1, -1));
}

static bool call_ppoll(struct waiter *waiter)
{
	struct pollfd poll_fd = { waiter->fd[0], POLLIN, 0 };
	sigset_t set;

	sigfillset(&set);
	return one_ready(waiter, ppoll(&poll_fd, 1, NULL, &set));
}

static bool call_select(struct waiter *waiter)
{
	fd_set set;

	FD_ZERO(&set);
	FD_SET(waiter->fd[0], &set);
	return one_ready(waiter,
			 select(waiter->fd[0] + 1, &set, NULL, NULL, NULL));
}

static bool call_pselect(struct waiter *waiter)
{
	sigset_t mask;
	fd_set set;

	FD_ZERO(&set);
	FD_SET(waiter->fd[0], &set);
	sigfillset(&mask);
	return one_ready(waiter, pselect(waiter->fd[0] + 1, &set, NULL, NULL,
					 NULL, &mask));
}

static bool call_poll_limited(struct waiter *waiter)
{
	struct pollfd poll_fd = { waiter->fd[0], POLLIN, 0 };

	return returned(waiter, poll(&poll_fd, 1, (int)wait_ms), 0);
}

static bool call_ppoll_limited(struct waiter *waiter)
{
	struct pollfd poll_fd = { waiter->fd[0], POLLIN, 0 };
	struct timespec time = wait_time();

	return returned(waiter, ppoll(&poll_fd, 1, &time, NULL), 0);
}

static bool call_select_limited(struct waiter *waiter)
{
	struct timespec time = wait_time();
	struct timeval limit = { time.tv_sec, time.tv_nsec / 1000 };
	fd_set set;

	FD_ZERO(&set);
	FD_SET(waiter->fd[0], &set);
	return returned(waiter, select(waiter->fd[0] + 1, &set, NULL, NULL,
				       &limit), 0);
}

static bool call_pselect_limited(struct waiter *waiter)
{
	struct timespec time = wait_time();
	fd_set set;

	FD_ZERO(&set);
	FD_SET(waiter->fd[0], &set);
	return returned(waiter, pselect(waiter->fd[0] + 1, &set, NULL, NULL,
					&time, NULL), 0);
}

static const struct wait socket_waits[] = {
	{ "recv", prepare_datagrams, call_recv, wake_by_byte, false },
	{ "recvfrom", prepare_udp, call_recvfrom, wake_by_byte, false },
	{ "recvmsg", prepare_stream, call_recvmsg, wake_by_byte, false },
	{ "recvmmsg", prepare_udp, call_recvmmsg, wake_by_byte, false },
	{ "recv-limited", prepare_udp_limited, call_recv_limited, NULL, true },
	{ "read-limited", prepare_stream_limited, call_read_limited, NULL,
	  true },
	{ "recvmsg-limited", prepare_stream_limited, call_recvmsg_limited,
	  NULL, true },
	{ "recvmmsg-limited", prepare_udp_limited, call_recvmmsg_limited, NULL,
	  true },
	{ "send", prepare_stream, call_send, wake_by_draining, false },
	{ "sendmsg", prepare_stream, call_sendmsg, wake_by_draining, false },
	{ "send-limited", prepare_stream_limited, call_send_limited, NULL,
	  true },
	{ "accept", prepare_listener, call_accept, wake_accept, false },
	{ "accept4", prepare_listener, call_accept4, wake_accept, false },
	{ "accept-limited", prepare_listener_limited, call_accept_limited,
	  NULL, true },
	{ "connect", prepare_full_listener, call_connect, wake_connect, false },
	{ "connect-limited", prepare_full_listener, call_connect_limited, NULL,
	  true },
	{ "epoll_wait", prepare_epoll, call_epoll_wait, wake_eventfd, false },
	{ "epoll_pwait", prepare_epoll, call_epoll_pwait, wake_eventfd, false },
	{ "epoll_pwait2", prepare_epoll, call_epoll_pwait2, wake_eventfd,
	  false },
	{ "epoll_wait-limited", prepare_epoll, call_epoll_wait_limited, NULL,
	  true },
	{ "epoll_pwait2-limited", prepare_epoll, call_epoll_pwait2_limited,
	  NULL, true },
	{ "poll", prepare_eventfd, call_poll, wake_eventfd, false },
	{ "ppoll", prepare_eventfd, call_ppoll, wake_eventfd, false },
	{ "select", prepare_eventfd, call_select, wake_eventfd, false },
	{ "pselect", prepare_eventfd, call_pselect, wake_eventfd, false },
	{ "poll-limited", prepare_eventfd, call_poll_limited, NULL, false },
	{ "ppoll-limited", prepare_eventfd, call_ppoll_limited, NULL, false },
	{ "select-limited", prepare_eventfd, call_select_limited, NULL, false },
	{ "pselect-limited", prepare_eventfd, call_pselect_limited, NULL,
	  false },
	{ 0 },
};
