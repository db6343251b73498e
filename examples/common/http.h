/*
 * As much of HTTP/1.1 as a small API needs: requests with a Content-Length,
 * keep-alive, pipelining. Works on the caller's buffers and keeps no state.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#define HTTP_REQUEST_MAX 4096
#define HTTP_RESPONSE_MAX 1024

struct http_request {
	char method[8];
	char path[128];  /* with the query */
	const char *body; /* inside the caller's buffer, not terminated */
	size_t body_size;
	bool keep_alive;
};

/**
 * http_parse() - the first request of a buffer
 *
 * Return: its size in bytes; 0 when it is not complete yet; the negative
 * status of the answer (-400, -413, -501) when it never will be.
 */
int http_parse(const char *bytes, size_t size, struct http_request *ret_request);

struct http_response {
	int status;
	char body[512];
};

/* Answers with a status and a printf()-formatted body of JSON. */
void http_answer(struct http_response *response, int status,
		 const char *format, ...) __attribute__((format(printf, 3, 4)));

/* Writes a whole response; returns its size, at most HTTP_RESPONSE_MAX. */
size_t http_format(char out[static HTTP_RESPONSE_MAX],
		   const struct http_response *response, bool keep_alive);
