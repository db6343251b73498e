#include "proc_events.h"

#include <errno.h>
#include <linux/cn_proc.h>
#include <linux/connector.h>
#include <linux/netlink.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

/* Bursts of a busy host; the kernel doubles it. */
#define RECEIVE_SIZE (1 << 20)

#define ANSWER_LIMIT_MS 1000
#define PIDS_MAX 4194304 /* PID_MAX_LIMIT of linux/threads.h */

struct proc_events {
	int socket;
	/*
	 * Of each number whose fork was told, its parent's: a child that is gone
	 * at once, as its parent ignores SIGCHLD, has none any more when its exit
	 * is told. Pages of numbers that are in no use take no memory.
	 */
	pid_t *parents;
};

struct request {
	struct nlmsghdr header;
	struct cn_msg message;
	enum proc_cn_mcast_op operation;
} __attribute__((packed));

/* The numbers in the messages are those of the first namespace. */
static bool in_first_namespace(void)
{
	struct stat ours;

	/* PROC_PID_INIT_INO of linux/proc_ns.h */
	return !stat("/proc/self/ns/pid", &ours) && ours.st_ino == 0xeffffffc;
}

static int listen_begin(int socket)
{
	struct request request = {
		.header = { .nlmsg_len = sizeof(request),
			    .nlmsg_type = NLMSG_DONE },
		.message = { .id = { CN_IDX_PROC, CN_VAL_PROC },
			     .len = sizeof(request.operation) },
		.operation = PROC_CN_MCAST_LISTEN,
	};

	return send(socket, &request, sizeof(request), 0) < 0 ? -errno : 0;
}

static bool message_read(const uint8_t *bytes, size_t size,
			 struct proc_event *ret_event)
{
	const size_t start = sizeof(struct nlmsghdr) + sizeof(struct cn_msg);

	memset(ret_event, 0, sizeof(*ret_event));
	if (size < start)
		return false;
	size -= start;
	if (size > sizeof(*ret_event))
		size = sizeof(*ret_event);
	memcpy(ret_event, bytes + start, size);
	return true;
}

/* The kernel's answer, which comes first: since Linux 6.6 everybody may ask. */
static int answer_await(int socket)
{
	struct pollfd answer = { .fd = socket, .events = POLLIN };
	uint8_t bytes[1024];
	struct proc_event told;

	while (poll(&answer, 1, ANSWER_LIMIT_MS) > 0) {
		ssize_t size = recv(socket, bytes, sizeof(bytes), 0);

		if (size < 0 && errno != EINTR)
			return -errno;
		if (size > 0 && message_read(bytes, (size_t)size, &told) &&
		    told.what == PROC_EVENT_NONE)
			return -(int)told.event_data.ack.err;
	}
	return -ETIMEDOUT;
}

static int socket_open(int *ret_socket)
{
	const struct sockaddr_nl address = { .nl_family = AF_NETLINK,
					     .nl_groups = CN_IDX_PROC };
	const int size = RECEIVE_SIZE;
	owned(close_p) int fd =
		socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK,
		       NETLINK_CONNECTOR);
	int r;

	if (fd < 0)
		return -errno;
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	if (bind(fd, (const struct sockaddr *)&address, sizeof(address)))
		return -errno;
	r = listen_begin(fd);
	if (r == 0)
		r = answer_await(fd);
	if (r == 0)
		*ret_socket = take_fd(&fd);
	return r;
}

int proc_events_open(struct proc_events **ret_exits, struct hf_diag *diag)
{
	owned(proc_events_close_p) struct proc_events *events = calloc(1, sizeof(*events));
	int r;

	if (!events)
		return hf_fail(diag, -ENOMEM, "cannot listen to the kernel's process events");
	events->socket = -1;
	events->parents = calloc(PIDS_MAX, sizeof(*events->parents));
	if (!events->parents)
		return hf_fail(diag, -ENOMEM, "cannot listen to the kernel's process events");
	if (!in_first_namespace())
		return hf_error(diag, -ENOTSUP, "namespace",
				"the kernel's process events are told only outside of "
				"containers");
	r = socket_open(&events->socket);
	if (r < 0)
		return hf_fail(diag, r, "cannot listen to the kernel's process events");
	*ret_exits = take_ptr(events);
	return 0;
}

void proc_events_close(struct proc_events *events)
{
	if (!events)
		return;
	close_p(&events->socket);
	free(events->parents);
	free(events);
}

/* Threads are no processes. Return: whether it is one's. */
static bool fork_read(struct proc_events *events, const struct proc_event *told,
		      struct process_event *ret_event)
{
	pid_t child = told->event_data.fork.child_tgid;

	if (child != told->event_data.fork.child_pid || child >= PIDS_MAX)
		return false;
	*ret_event = (struct process_event){
		.kind = PROC_FORK,
		.pid = child,
		.parent = told->event_data.fork.parent_tgid,
	};
	events->parents[child] = ret_event->parent;
	return true;
}

static bool exec_read(const struct proc_event *told,
		      struct process_event *ret_event)
{
	*ret_event = (struct process_event){
		.kind = PROC_EXEC,
		.pid = told->event_data.exec.process_tgid,
	};
	return true;
}

/* Its first thread stands for the process. */
static bool exit_read(struct proc_events *events, const struct proc_event *told,
		      struct process_event *ret_event)
{
	pid_t pid = told->event_data.exit.process_tgid;

	if (pid != told->event_data.exit.process_pid || pid >= PIDS_MAX)
		return false;
	*ret_event = (struct process_event){
		.kind = PROC_EXIT,
		.pid = pid,
		.parent = told->event_data.exit.parent_tgid,
		.status = (int)told->event_data.exit.exit_code,
	};
	if (!ret_event->parent)
		ret_event->parent = events->parents[pid];
	events->parents[pid] = 0;
	return true;
}

static bool event_read(struct proc_events *events, const struct proc_event *told,
		       struct process_event *ret_event)
{
	switch (told->what) {
	case PROC_EVENT_FORK:
		return fork_read(events, told, ret_event);
	case PROC_EVENT_EXEC:
		return exec_read(told, ret_event);
	case PROC_EVENT_EXIT:
		return exit_read(events, told, ret_event);
	default:
		return false;
	}
}

int proc_events_fd(const struct proc_events *events)
{
	return events->socket;
}

int proc_events_next(struct proc_events *events,
		     struct process_event *ret_event)
{
	uint8_t bytes[1024] __attribute__((aligned(NLMSG_ALIGNTO)));
	struct sockaddr_nl from = { 0 };
	socklen_t from_size = sizeof(from);
	struct proc_event told;

	for (;;) {
		ssize_t size = recvfrom(events->socket, bytes, sizeof(bytes), 0,
					(struct sockaddr *)&from, &from_size);

		if (size < 0 && errno == EINTR)
			continue;
		if (size < 0)
			return errno == ENOBUFS ? -ENOBUFS : 0;
		/* Port 0 is the kernel; anybody may send to ours. */
		if (!from.nl_pid && message_read(bytes, (size_t)size, &told) &&
		    event_read(events, &told, ret_event))
			return 1;
	}
}
