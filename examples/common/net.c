#define _GNU_SOURCE
#include "net.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

int net_listen(uint16_t port)
{
	const struct sockaddr_in address = {
		.sin_family = AF_INET,
		.sin_port = htons(port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	int fd, saved, on = 1;

	fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) ||
	    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) ||
	    bind(fd, (const struct sockaddr *)&address, sizeof(address)) ||
	    listen(fd, SOMAXCONN)) {
		saved = errno;
		close(fd);
		return -saved;
	}
	return fd;
}

void net_announce(const char *server, int listener)
{
	struct sockaddr_in address = { 0 };
	socklen_t size = sizeof(address);

	getsockname(listener, (struct sockaddr *)&address, &size);
	printf("%s: listening on 127.0.0.1:%u\n", server,
	       ntohs(address.sin_port));
	fflush(stdout);
}

bool net_send(int fd, const void *bytes, size_t size)
{
	const char *next = bytes;

	while (size) {
		ssize_t sent = send(fd, next, size, MSG_NOSIGNAL);

		if (sent < 0 && errno == EINTR)
			continue;
		if (sent <= 0)
			return false;
		next += sent;
		size -= (size_t)sent;
	}
	return true;
}

uint16_t net_port_argument(int argc, char **argv)
{
	unsigned long port;
	char *end;

	if (argc < 2)
		return 0;
	errno = 0;
	port = strtoul(argv[1], &end, 10);
	if (argc > 2 || errno || end == argv[1] || *end || port > UINT16_MAX) {
		fprintf(stderr, "usage: %s [PORT]\n", argv[0]);
		exit(2);
	}
	return (uint16_t)port;
}
