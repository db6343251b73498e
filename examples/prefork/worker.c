#define _GNU_SOURCE
#include "worker.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../common/http.h"
#include "../common/net.h"
#include "quote.h"

#define GRACE_MS 1000 /* for the last request, after SIGTERM */

struct connection {
	int fd;
	size_t size;
	char in[HTTP_REQUEST_MAX];
};

static int terminated; /* a signalfd: readable when told to end */

/*
 * Waits until the descriptor is readable; false when the worker should rather
 * end: nothing came, and it was told to.
 */
static bool readable_wait(int fd, bool *ending)
{
	struct pollfd wait[2] = {
		{ .fd = fd, .events = POLLIN },
		{ .fd = terminated, .events = POLLIN },
	};

	for (;;) {
		int nr = poll(wait, *ending ? 1 : 2, *ending ? GRACE_MS : -1);

		if (nr < 0 && errno != EINTR)
			return false;
		if (nr > 0 && wait[1].revents)
			*ending = true;
		if (nr > 0 && wait[0].revents)
			return true;
		if (*ending && nr <= 0)
			return false;
	}
}

static void quote_answer(const struct http_request *request,
			 struct http_response *response)
{
	char country[3];
	int64_t grams, cents;

	if (sscanf(request->path, "/quote?to=%2[A-Z]&grams=%" SCNd64, country,
		   &grams) != 2 || grams <= 0) {
		http_answer(response, 400, "{\"error\": \"to and grams?\"}\n");
		return;
	}
	if (quote_parcel(country, grams, &cents))
		http_answer(response, 200,
			    "{\"cents\": %" PRId64 ", \"worker\": %d}\n", cents,
			    getpid());
	else
		http_answer(response, 404,
			    "{\"error\": \"not delivered\", \"worker\": %d}\n",
			    getpid());
}

/* Answers the first request of the input; false when the connection is over. */
static bool connection_answer(struct connection *conn, int used, bool ending,
			      const struct http_request *request)
{
	struct http_response response = { 0 };
	char out[HTTP_RESPONSE_MAX];
	bool keep_alive = used > 0 && request->keep_alive && !ending;
	size_t size;

	if (used > 0)
		quote_answer(request, &response);
	else
		http_answer(&response, -used, "{\"error\": \"bad request\"}\n");
	size = http_format(out, &response, keep_alive);
	if (!net_send(conn->fd, out, size) || !keep_alive)
		return false;
	conn->size -= (size_t)used;
	memmove(conn->in, conn->in + used, conn->size);
	return true;
}

static void connection_serve(struct connection *conn, bool *ending)
{
	for (;;) {
		struct http_request request;
		int used = http_parse(conn->in, conn->size, &request);
		ssize_t got;

		if (used) {
			if (!connection_answer(conn, used, *ending, &request))
				return;
			continue;
		}
		if (!readable_wait(conn->fd, ending))
			return;
		got = recv(conn->fd, conn->in + conn->size,
			   sizeof(conn->in) - conn->size, 0);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return;
		conn->size += (size_t)got;
	}
}

static int terminated_open(void)
{
	sigset_t signals;

	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	return signalfd(-1, &signals, SFD_CLOEXEC);
}

_Noreturn void worker_run(int listener)
{
	bool ending = false;

	terminated = terminated_open();
	if (terminated < 0)
		_exit(1);
	while (!ending && readable_wait(listener, &ending)) {
		struct connection conn = {
			.fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC),
		};

		if (conn.fd < 0)
			continue; /* another worker was faster */
		connection_serve(&conn, &ending);
		close(conn.fd);
	}
	_exit(0);
}
