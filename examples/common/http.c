#define _GNU_SOURCE
#include "http.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* The value of a header field in `head`, which ends in an empty line. */
static const char *header_find(const char *head, const char *name)
{
	size_t length = strlen(name);

	for (const char *line = strstr(head, "\r\n"); line;
	     line = strstr(line + 2, "\r\n")) {
		const char *field = line + 2;

		if (strncasecmp(field, name, length) || field[length] != ':')
			continue;
		field += length + 1;
		return field + strspn(field, " \t");
	}
	return NULL;
}

/* Content-Length, 0 without one; a negative status when it cannot be served. */
static long body_size(const char *head)
{
	const char *value = header_find(head, "Content-Length");
	char *end;
	long size;

	if (header_find(head, "Transfer-Encoding"))
		return -501;
	if (!value)
		return 0;
	size = strtol(value, &end, 10);
	if (end == value || *end != '\r' || size < 0)
		return -400;
	return size > HTTP_REQUEST_MAX ? -413 : size;
}

int http_parse(const char *bytes, size_t size, struct http_request *ret_request)
{
	struct http_request request = { .keep_alive = true };
	char head[HTTP_REQUEST_MAX + 1];
	const char *end, *connection;
	size_t head_size;
	int line_size = 0;
	long length;

	end = memmem(bytes, size, "\r\n\r\n", 4);
	if (!end)
		return size >= HTTP_REQUEST_MAX ? -413 : 0;
	head_size = (size_t)(end - bytes) + 4;
	if (head_size > HTTP_REQUEST_MAX)
		return -413;
	memcpy(head, bytes, head_size);
	head[head_size] = '\0';

	/* Counted only when all of the line was as wanted, and short enough. */
	sscanf(head, "%7[A-Z] %127[^ \r\n] HTTP/1.%*[01]%n", request.method,
	       request.path, &line_size);
	if (!line_size)
		return -400;
	length = body_size(head);
	if (length < 0)
		return (int)length;
	if (head_size + (size_t)length > HTTP_REQUEST_MAX)
		return -413;
	if (size < head_size + (size_t)length)
		return 0;

	connection = header_find(head, "Connection");
	if (connection && !strncasecmp(connection, "close", 5))
		request.keep_alive = false;
	request.body = bytes + head_size;
	request.body_size = (size_t)length;
	*ret_request = request;
	return (int)(head_size + (size_t)length);
}

void http_answer(struct http_response *response, int status,
		 const char *format, ...)
{
	va_list args;

	response->status = status;
	va_start(args, format);
	vsnprintf(response->body, sizeof(response->body), format, args);
	va_end(args);
}

static const char *status_text(int status)
{
	switch (status) {
	case 200: return "OK";
	case 400: return "Bad Request";
	case 402: return "Payment Required";
	case 404: return "Not Found";
	case 413: return "Content Too Large";
	case 501: return "Not Implemented";
	case 503: return "Service Unavailable";
	}
	return "Error";
}

size_t http_format(char out[static HTTP_RESPONSE_MAX],
		   const struct http_response *response, bool keep_alive)
{
	int size = snprintf(out, HTTP_RESPONSE_MAX,
			    "HTTP/1.1 %d %s\r\n"
			    "Content-Type: application/json\r\n"
			    "Content-Length: %zu\r\n"
			    "Connection: %s\r\n"
			    "\r\n"
			    "%s",
			    response->status, status_text(response->status),
			    strlen(response->body),
			    keep_alive ? "keep-alive" : "close",
			    response->body);

	return (size_t)size; /* the head is short, the body at most 511 */
}
