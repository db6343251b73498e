#define _GNU_SOURCE
#include "lines.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net.h"

#define MAX_CONNECTIONS 500

struct connection {
	int fd;
	line_handler *answer;
	size_t size;
	char in[LINE_MAX_SIZE];
};

static atomic_uint nr_connections;

/*
 * Reads up to the end of a line and returns its length; 0 when the peer is
 * gone, or sent more than a line can be.
 */
static size_t connection_read(struct connection *conn)
{
	for (;;) {
		char *end = memchr(conn->in, '\n', conn->size);
		ssize_t got;

		if (end)
			return (size_t)(end - conn->in) + 1;
		if (conn->size == sizeof(conn->in))
			return 0;
		got = recv(conn->fd, conn->in + conn->size,
			   sizeof(conn->in) - conn->size, 0);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return 0;
		conn->size += (size_t)got;
	}
}

static bool connection_turn(struct connection *conn)
{
	char reply[LINE_MAX_SIZE + 1] = "";
	size_t size = connection_read(conn);

	if (!size)
		return false;
	conn->in[size - 1] = '\0';
	if (size > 1 && conn->in[size - 2] == '\r')
		conn->in[size - 2] = '\0';
	conn->answer(conn->in, reply);
	conn->size -= size;
	memmove(conn->in, conn->in + size, conn->size);
	strcat(reply, "\n");
	return net_send(conn->fd, reply, strlen(reply));
}

static void *connection_main(void *arg)
{
	struct connection *conn = arg;

	while (connection_turn(conn))
		;
	close(conn->fd);
	free(conn);
	atomic_fetch_sub(&nr_connections, 1);
	return NULL;
}

static void connection_open(int fd, line_handler *answer)
{
	struct connection *conn = NULL;
	pthread_attr_t detached;
	pthread_t thread;

	if (atomic_fetch_add(&nr_connections, 1) < MAX_CONNECTIONS)
		conn = malloc(sizeof(*conn));
	if (!conn)
		goto refuse;
	*conn = (struct connection){ .fd = fd, .answer = answer };
	pthread_attr_init(&detached);
	pthread_attr_setdetachstate(&detached, PTHREAD_CREATE_DETACHED);
	if (!pthread_create(&thread, &detached, connection_main, conn))
		return;
refuse:
	atomic_fetch_sub(&nr_connections, 1);
	free(conn);
	close(fd);
}

/* SIGTERM and SIGINT as a descriptor; every thread inherits the mask. */
static int signals_open(void)
{
	sigset_t signals;

	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	pthread_sigmask(SIG_BLOCK, &signals, NULL);
	return signalfd(-1, &signals, SFD_CLOEXEC);
}

int lines_serve(const char *server, uint16_t port, line_handler *answer)
{
	int listener = net_listen(port);
	struct pollfd wait[2] = {
		{ .fd = listener, .events = POLLIN },
		{ .fd = signals_open(), .events = POLLIN },
	};

	if (listener < 0 || wait[1].fd < 0) {
		fprintf(stderr, "%s: cannot listen: %s\n", server,
			strerror(listener < 0 ? -listener : errno));
		return 1;
	}
	net_announce(server, listener);
	for (;;) {
		if (poll(wait, 2, -1) < 0 && errno != EINTR)
			return 1;
		if (wait[1].revents)
			return 0; /* the connections end with the process */
		if (wait[0].revents) {
			int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);

			if (fd >= 0)
				connection_open(fd, answer);
		}
	}
}
