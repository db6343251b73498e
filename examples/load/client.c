#define _GNU_SOURCE
#include "client.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../common/net.h"

bool client_connect(struct client *client)
{
	const struct timeval limit = { .tv_sec = TIMEOUT_SECONDS };
	const struct sockaddr_in address = {
		.sin_family = AF_INET,
		.sin_port = htons(client->port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	int on = 1;

	client->size = 0;
	client->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (client->fd < 0)
		return false;
	setsockopt(client->fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	setsockopt(client->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if (connect(client->fd, (const struct sockaddr *)&address,
		    sizeof(address))) {
		client_close(client);
		return false;
	}
	return true;
}

void client_close(struct client *client)
{
	if (client->fd >= 0)
		close(client->fd);
	client->fd = -1;
}

/* Reads until the input holds `mark` and returns what ends there, or NULL. */
static char *read_until(struct client *client, const char *mark)
{
	for (;;) {
		ssize_t got;
		char *found;

		client->in[client->size] = '\0';
		found = strstr(client->in, mark);
		if (found)
			return found + strlen(mark);
		if (client->size == ANSWER_SIZE)
			return NULL;
		got = recv(client->fd, client->in + client->size,
			   ANSWER_SIZE - client->size, 0);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return NULL;
		client->size += (size_t)got;
	}
}

static bool read_size(struct client *client, size_t size)
{
	while (client->size < size && size <= ANSWER_SIZE) {
		ssize_t got = recv(client->fd, client->in + client->size,
				   size - client->size, 0);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return false;
		client->size += (size_t)got;
	}
	client->in[client->size] = '\0';
	return client->size >= size;
}

static void drop(struct client *client, size_t size)
{
	client->size -= size;
	memmove(client->in, client->in + size, client->size);
}

bool client_line(struct client *client, char ret_line[static ANSWER_SIZE],
		 const char *format, ...)
{
	char request[ANSWER_SIZE];
	va_list args;
	size_t size;
	char *end;

	va_start(args, format);
	vsnprintf(request, sizeof(request) - 1, format, args);
	va_end(args);
	strcat(request, "\n");
	if (!net_send(client->fd, request, strlen(request)))
		return false;
	end = read_until(client, "\n");
	if (!end)
		return false;
	size = (size_t)(end - client->in);
	memcpy(ret_line, client->in, size - 1);
	ret_line[size - 1] = '\0';
	drop(client, size);
	return true;
}

/* Reads a page; the server may end the connection in good order after it. */
static int page_read(struct client *client, char ret_body[static ANSWER_SIZE])
{
	char *head_end = read_until(client, "\r\n\r\n"), *length;
	size_t head, body;
	bool closing;
	int status;

	if (!head_end)
		return 0;
	head = (size_t)(head_end - client->in);
	length = strcasestr(client->in, "\r\nContent-Length:");
	if (sscanf(client->in, "HTTP/1.1 %d", &status) != 1 || !length)
		return 0;
	body = strtoul(length + strlen("\r\nContent-Length:"), NULL, 10);
	if (body >= ANSWER_SIZE || !read_size(client, head + body))
		return 0;
	closing = memmem(client->in, head, "Connection: close", 17);
	memcpy(ret_body, client->in + head, body);
	ret_body[body] = '\0';
	drop(client, head + body);
	if (closing)
		client_close(client);
	return status;
}

static int page_ask(struct client *client, char ret_body[static ANSWER_SIZE],
		    const char *method, const char *path, const char *body)
{
	char request[ANSWER_SIZE];
	int size = snprintf(request, sizeof(request),
			    "%s %s HTTP/1.1\r\n"
			    "Host: 127.0.0.1:%u\r\n"
			    "Content-Length: %zu\r\n"
			    "\r\n"
			    "%s",
			    method, path, client->port, strlen(body), body);

	if (size < 0 || (size_t)size >= sizeof(request))
		return 0;
	if (client->fd < 0 && !client_connect(client))
		return 0;
	if (!net_send(client->fd, request, (size_t)size))
		return 0;
	return page_read(client, ret_body);
}

int client_get(struct client *client, char ret_body[static ANSWER_SIZE],
	       const char *path)
{
	return page_ask(client, ret_body, "GET", path, "");
}

int client_post(struct client *client, char ret_body[static ANSWER_SIZE],
		const char *path, const char *body)
{
	return page_ask(client, ret_body, "POST", path, body);
}
