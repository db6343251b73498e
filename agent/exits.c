#include "exits.h"

#include <errno.h>
#include <linux/cn_proc.h>
#include <linux/connector.h>
#include <linux/netlink.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

/* Bursts of a busy host; the kernel doubles it. */
#define RECEIVE_SIZE (1 << 20)

#define PIDS_MAX 4194304 /* PID_MAX_LIMIT of linux/threads.h */

struct exits {
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
		*ret_socket = take_fd(&fd);
	return r;
}

int exits_open(struct exits **ret_exits, struct hf_diag *diag)
{
	owned(exits_close_p) struct exits *exits = calloc(1, sizeof(*exits));
	int r;

	if (!exits)
		return hf_fail(diag, -ENOMEM, "cannot listen to exits");
	exits->socket = -1;
	exits->parents = calloc(PIDS_MAX, sizeof(*exits->parents));
	if (!exits->parents)
		return hf_fail(diag, -ENOMEM, "cannot listen to exits");
	if (!in_first_namespace())
		return hf_error(diag, -ENOTSUP, "namespace",
				"exits are told only outside of containers");
	r = socket_open(&exits->socket);
	if (r < 0)
		return hf_fail(diag, r, "cannot listen to exits");
	*ret_exits = take_ptr(exits);
	return 0;
}

void exits_close(struct exits *exits)
{
	if (!exits)
		return;
	close_p(&exits->socket);
	free(exits->parents);
	free(exits);
}

static bool event_read(const uint8_t *bytes, size_t size,
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

static void fork_note(struct exits *exits, const struct proc_event *event)
{
	pid_t child = event->event_data.fork.child_tgid;

	if (child == event->event_data.fork.child_pid && child < PIDS_MAX)
		exits->parents[child] = event->event_data.fork.parent_tgid;
}

/* Its first thread stands for the process. Return: whether it is one with an error. */
static bool exit_read(struct exits *exits, const struct proc_event *event,
		      struct exit_event *ret_event)
{
	pid_t pid = event->event_data.exit.process_tgid;

	if (pid != event->event_data.exit.process_pid || pid >= PIDS_MAX)
		return false;
	*ret_event = (struct exit_event){
		.pid = pid,
		.parent = event->event_data.exit.parent_tgid,
		.status = (int)event->event_data.exit.exit_code,
	};
	if (!ret_event->parent)
		ret_event->parent = exits->parents[pid];
	exits->parents[pid] = 0;
	return ret_event->status != 0;
}

int exits_next(struct exits *exits, struct exit_event *ret_event)
{
	uint8_t bytes[1024] __attribute__((aligned(NLMSG_ALIGNTO)));
	struct sockaddr_nl from = { 0 };
	socklen_t from_size = sizeof(from);
	struct proc_event event;

	for (;;) {
		ssize_t size = recvfrom(exits->socket, bytes, sizeof(bytes), 0,
					(struct sockaddr *)&from, &from_size);

		if (size < 0 && errno == EINTR)
			continue;
		if (size < 0)
			return errno == ENOBUFS ? -ENOBUFS : 0;
		/* Port 0 is the kernel; anybody may send to ours. */
		if (from.nl_pid || !event_read(bytes, (size_t)size, &event))
			continue;
		if (event.what == PROC_EVENT_FORK)
			fork_note(exits, &event);
		else if (event.what == PROC_EVENT_EXIT &&
			 exit_read(exits, &event, ret_event))
			return 1;
	}
}
