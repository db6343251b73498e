/*
 * The frame of the hosts: a program with one thread that listens on
 * 127.0.0.1 and gives each line of each connection to a function, which writes
 * the answer. "ping" is answered by "pong" here.
 */
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

typedef void answer_fn(char *line, FILE *reply);

static int listen_on(int port)
{
	struct sockaddr_in address = {
		.sin_family = AF_INET,
		.sin_port = htons((unsigned short)port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	int one = 1;

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(fd, (struct sockaddr *)&address, sizeof(address)) ||
	    listen(fd, 64))
		return -1;
	return fd;
}

static void serve_connection(int fd, answer_fn *answer)
{
	FILE *in = fdopen(fd, "r");
	FILE *reply = fdopen(dup(fd), "w");
	char *line = NULL;
	size_t room = 0;

	while (in && reply && getline(&line, &room, in) > 0) {
		line[strcspn(line, "\r\n")] = '\0';
		if (!strcmp(line, "ping"))
			fputs("pong\n", reply);
		else
			answer(line, reply);
		fflush(reply);
	}
	free(line);
	if (in)
		fclose(in);
	if (reply)
		fclose(reply);
}

static int serve(int argc, char **argv, answer_fn *answer)
{
	struct timeval patience = { .tv_sec = 10 };
	int fd = listen_on(argc > 1 ? atoi(argv[1]) : 0);

	if (fd < 0)
		return 1;
	signal(SIGPIPE, SIG_IGN);
	for (;;) {
		int connection = accept(fd, NULL, NULL);

		if (connection < 0)
			continue;
		setsockopt(connection, SOL_SOCKET, SO_RCVTIMEO, &patience,
			   sizeof(patience));
		serve_connection(connection, answer);
	}
}
