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

struct exits {
	int socket;
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
	free(exits);
}

/* @size bytes of what the kernel has sent. Return: whether it is an exit with an error. */
static bool event_read(const uint8_t *bytes, size_t size,
		       struct exit_event *ret_event)
{
	const size_t start = sizeof(struct nlmsghdr) + sizeof(struct cn_msg);
	struct proc_event event = { 0 };

	if (size < start)
		return false;
	size -= start;
	memcpy(&event, bytes + start,
	       size < sizeof(event) ? size : sizeof(event));
	*ret_event = (struct exit_event){
		.pid = event.event_data.exit.process_tgid,
		.parent = event.event_data.exit.parent_tgid,
		.status = (int)event.event_data.exit.exit_code,
	};
	/* Its first thread stands for the process. */
	return event.what == PROC_EVENT_EXIT && ret_event->status &&
	       event.event_data.exit.process_pid == ret_event->pid;
}

int exits_next(struct exits *exits, struct exit_event *ret_event)
{
	uint8_t bytes[1024] __attribute__((aligned(NLMSG_ALIGNTO)));
	struct sockaddr_nl from = { 0 };
	socklen_t from_size = sizeof(from);

	for (;;) {
		ssize_t size = recvfrom(exits->socket, bytes, sizeof(bytes), 0,
					(struct sockaddr *)&from, &from_size);

		if (size < 0 && errno == EINTR)
			continue;
		if (size < 0)
			return errno == ENOBUFS ? -ENOBUFS : 0;
		/* Port 0 is the kernel; anybody may send to ours. */
		if (from.nl_pid == 0 &&
		    event_read(bytes, (size_t)size, ret_event))
			return 1;
	}
}
