/*
 * Reads and writes that are whole or an error, and files read at one go.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "diag.h"

/* A block of memory that we own. */
struct buffer {
	uint8_t *data;
	size_t size;
};

void buffer_release(struct buffer *buffer);

/**
 * file_read() - read a whole file
 * @dirfd:      directory that @path is relative to, or AT_FDCWD
 * @limit:      largest size in bytes that is accepted
 * @ret_buffer: owned by the caller; one NUL follows the data, not counted
 *
 * Works for /proc files, whose size is not known beforehand.
 *
 * Return: 0; -EFBIG above @limit; -errno of open or read.
 */
int file_read(int dirfd, const char *path, size_t limit,
	      struct buffer *ret_buffer, struct hf_diag *diag);

/* The same from where @fd stands; @path is for the message. */
int file_read_open(int fd, const char *path, size_t limit,
		   struct buffer *ret_buffer, struct hf_diag *diag);

/* From where @fd stands, of pipes as well; errors as of the next two. */
int read_full(int fd, void *data, size_t size);
int write_full(int fd, const void *data, size_t size);

/* Return: 0 when all @size bytes were read; -EIO at an early end; -errno. */
int read_full_at(int fd, void *data, size_t size, off_t offset);

/* Return: 0 when all @size bytes were written; -errno. */
int write_full_at(int fd, const void *data, size_t size, off_t offset);
