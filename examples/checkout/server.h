/*
 * The machinery below the API: worker threads, each with an epoll instance and
 * the connections that it accepted.
 */
#pragma once

/*
 * Serves a non-blocking listener until `stop`, an eventfd, becomes readable.
 * Returns 0, or -errno when the worker cannot start.
 */
int server_work(int listener, int stop);
