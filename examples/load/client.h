/*
 * One customer: a connection that is kept, a request, an answer, and so on.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "stats.h"

#define ANSWER_SIZE 2048
#define TIMEOUT_SECONDS 5 /* an answer that is later counts as lost */

struct client {
	unsigned int nr; /* from 0 */
	unsigned int nr_exchanges;
	uint16_t port;
	int fd; /* -1 when not connected */
	size_t size;
	char in[ANSWER_SIZE + 1];
	/* for the workload's own use */
	char token[40];
	int64_t total;
	bool ready;
};

bool client_connect(struct client *client);
void client_close(struct client *client);

/*
 * Send a request and read the answer: a line, or a page and its status. False
 * and 0 when the connection is lost.
 */
bool client_line(struct client *client, char ret_line[static ANSWER_SIZE],
		 const char *format, ...) __attribute__((format(printf, 3, 4)));
int client_get(struct client *client, char ret_body[static ANSWER_SIZE],
	       const char *path);
int client_post(struct client *client, char ret_body[static ANSWER_SIZE],
		const char *path, const char *body);
