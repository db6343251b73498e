/*
 * Bytes to be appended to an ELF file: what the linker does not write.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct tail {
	uint64_t base; /* offset in the file of data[0] */
	uint8_t *data; /* owned */
	size_t size;
};

/**
 * tail_add() - append bytes, at a multiple of @alignment in the file
 * @data: may be NULL when @size is 0
 *
 * Return: 0; -ENOMEM.
 */
int tail_add(struct tail *tail, const void *data, size_t size, size_t alignment,
	     uint64_t *ret_offset);

/* A note of ours, padded to 4 bytes at both ends. Return: 0; -ENOMEM. */
int tail_add_note(struct tail *tail, uint32_t type, const void *content,
		  size_t size);

/* Offset in the file behind the last byte. */
static inline uint64_t tail_end(const struct tail *tail)
{
	return tail->base + tail->size;
}
