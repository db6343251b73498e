/*
 * A server of a line-based protocol: one thread per connection, which reads a
 * line, answers with a line, and so on.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define LINE_MAX_SIZE 256

/* Answers one request; both without the line's end. Called from any thread. */
typedef void line_handler(char *request, char reply[static LINE_MAX_SIZE]);

/* Serves until SIGTERM or SIGINT; returns the program's exit status. */
int lines_serve(const char *server, uint16_t port, line_handler *answer);
