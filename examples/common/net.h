/*
 * Sockets of the example servers. They listen on the loopback interface only.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/**
 * net_listen() - a listening TCP socket on 127.0.0.1
 * @port: 0 for any free one
 *
 * Return: the descriptor, owned by the caller; -errno.
 */
int net_listen(uint16_t port);

/* Tells on stdout where the server listens: the sign that it is ready. */
void net_announce(const char *server, int listener);

/* Sends everything on a blocking socket; false when the peer is gone. */
bool net_send(int fd, const void *bytes, size_t size);

/* The port of a command line argument; 0 without one, exits on nonsense. */
uint16_t net_port_argument(int argc, char **argv);
