/*
 * The few types that every part shares.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* An address in the target process. Never a pointer of ours. */
typedef uint64_t hf_addr;

/* A half-open range of addresses in the target: start <= a < end. */
struct range {
	hf_addr start;
	hf_addr end;
};

#define BUILD_ID_SIZE_MAX 64

/* The linker's fingerprint of a whole module: NT_GNU_BUILD_ID. size 0: none. */
struct build_id {
	size_t size;
	uint8_t bytes[BUILD_ID_SIZE_MAX];
};

#define SHA256_SIZE 32

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))

#define HF_PAGE_SIZE 4096ull

static inline uint64_t align_down(uint64_t value, uint64_t alignment)
{
	return value & ~(alignment - 1);
}

static inline uint64_t align_up(uint64_t value, uint64_t alignment)
{
	return align_down(value + alignment - 1, alignment);
}

static inline int range_contains(const struct range *range, hf_addr address)
{
	return address >= range->start && address < range->end;
}
