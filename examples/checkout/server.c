#define _GNU_SOURCE
#include "server.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "api.h"

#define MAX_CONNECTIONS 200 /* per worker */
#define MAX_EVENTS 32

struct connection {
	struct connection *next, **link;
	int fd;
	bool closing; /* once everything is sent */
	size_t in_size, out_size, out_sent;
	char in[HTTP_REQUEST_MAX];
	char out[4 * HTTP_RESPONSE_MAX];
};

struct worker {
	int epoll, listener, stop;
	unsigned int nr_connections;
	struct connection *connections;
};

static void connection_close(struct worker *worker, struct connection *conn)
{
	*conn->link = conn->next;
	if (conn->next)
		conn->next->link = conn->link;
	worker->nr_connections--;
	close(conn->fd);
	free(conn);
}

static int connection_watch(struct worker *worker, struct connection *conn,
			    int operation, uint32_t events)
{
	struct epoll_event event = { .events = events, .data.ptr = conn };

	return epoll_ctl(worker->epoll, operation, conn->fd, &event);
}

static void connection_open(struct worker *worker, int fd)
{
	struct connection *conn = calloc(1, sizeof(*conn));

	if (!conn) {
		close(fd);
		return;
	}
	conn->fd = fd;
	conn->next = worker->connections;
	conn->link = &worker->connections;
	if (conn->next)
		conn->next->link = &conn->next;
	worker->connections = conn;
	worker->nr_connections++;
	if (connection_watch(worker, conn, EPOLL_CTL_ADD, EPOLLIN))
		connection_close(worker, conn);
}

static void worker_accept(struct worker *worker)
{
	static const char busy[] = "HTTP/1.1 503 Service Unavailable\r\n"
				   "Content-Length: 0\r\n"
				   "Connection: close\r\n\r\n";
	int fd = accept4(worker->listener, NULL, NULL,
			 SOCK_NONBLOCK | SOCK_CLOEXEC);

	if (fd < 0)
		return; /* another worker was faster, or the peer is gone */
	if (worker->nr_connections < MAX_CONNECTIONS) {
		connection_open(worker, fd);
		return;
	}
	if (send(fd, busy, sizeof(busy) - 1, MSG_NOSIGNAL) < 0) {
		/* It goes away without the reason. */
	}
	close(fd);
}

/* Answers the first request of the input; false when none is complete. */
static bool connection_answer(struct connection *conn)
{
	struct http_request request = { 0 };
	struct http_response response = { 0 };
	int used = http_parse(conn->in, conn->in_size, &request);

	if (!used)
		return false;
	if (used < 0) {
		http_answer(&response, -used, "{\"error\": \"bad request\"}\n");
		used = (int)conn->in_size;
		request.keep_alive = false;
	} else {
		api_handle(&request, &response);
	}
	conn->closing = !request.keep_alive;
	conn->out_size += http_format(conn->out + conn->out_size, &response,
				      request.keep_alive);
	conn->in_size -= (size_t)used;
	memmove(conn->in, conn->in + used, conn->in_size);
	return true;
}

/* Sends what waits; false when the peer is gone. */
static bool connection_flush(struct connection *conn)
{
	while (conn->out_sent < conn->out_size) {
		ssize_t sent = send(conn->fd, conn->out + conn->out_sent,
				    conn->out_size - conn->out_sent,
				    MSG_NOSIGNAL);

		if (sent < 0)
			return errno == EAGAIN || errno == EINTR;
		conn->out_sent += (size_t)sent;
	}
	conn->out_size = conn->out_sent = 0;
	return true;
}

/* Answers every complete request, as far as the peer takes the answers. */
static bool connection_advance(struct connection *conn)
{
	for (;;) {
		bool room = conn->out_size + HTTP_RESPONSE_MAX <=
			    sizeof(conn->out);

		if (!conn->closing && room && connection_answer(conn))
			continue;
		if (!connection_flush(conn))
			return false;
		if (conn->out_size || room)
			return true;
	}
}

static bool connection_read(struct connection *conn)
{
	ssize_t got = recv(conn->fd, conn->in + conn->in_size,
			   sizeof(conn->in) - conn->in_size, 0);

	if (got < 0)
		return errno == EAGAIN || errno == EINTR;
	conn->in_size += (size_t)got;
	return got > 0;
}

static void connection_serve(struct worker *worker, struct connection *conn,
			     uint32_t events)
{
	bool alive = true;

	if (events & (EPOLLIN | EPOLLHUP | EPOLLERR))
		alive = connection_read(conn);
	alive = alive && connection_advance(conn);
	if (!alive || (conn->closing && !conn->out_size)) {
		connection_close(worker, conn);
		return;
	}
	/* No more is read from a peer that does not take its answers. */
	connection_watch(worker, conn, EPOLL_CTL_MOD,
			 conn->out_size ? EPOLLOUT : EPOLLIN);
}

/* False when the worker is to stop. */
static bool worker_turn(struct worker *worker)
{
	struct epoll_event events[MAX_EVENTS];
	int nr = epoll_wait(worker->epoll, events, MAX_EVENTS, -1);

	for (int i = 0; i < nr; i++) {
		void *who = events[i].data.ptr;

		if (who == &worker->stop)
			return false;
		if (who == &worker->listener)
			worker_accept(worker);
		else
			connection_serve(worker, who, events[i].events);
	}
	return nr >= 0 || errno == EINTR;
}

int server_work(int listener, int stop)
{
	struct worker worker = { .listener = listener, .stop = stop };
	struct epoll_event on_stop = { EPOLLIN, { .ptr = &worker.stop } };
	/* One of the workers is woken for a new connection, not all. */
	struct epoll_event on_listener = { EPOLLIN | EPOLLEXCLUSIVE,
					   { .ptr = &worker.listener } };
	int saved = 0;

	worker.epoll = epoll_create1(EPOLL_CLOEXEC);
	if (worker.epoll < 0)
		return -errno;
	if (epoll_ctl(worker.epoll, EPOLL_CTL_ADD, stop, &on_stop) ||
	    epoll_ctl(worker.epoll, EPOLL_CTL_ADD, listener, &on_listener))
		saved = errno;
	else
		while (worker_turn(&worker))
			;
	while (worker.connections)
		connection_close(&worker, worker.connections);
	close(worker.epoll);
	return -saved;
}
