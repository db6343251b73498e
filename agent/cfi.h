/*
 * Call frame information (.eh_frame), as far as we need it ourselves: which
 * entry covers a program counter, and does it declare the return address
 * undefined there? That declaration is how _start and clone say "nobody called
 * me", and the only proof that an unwind has lost nothing on its way.
 *
 *   .eh_frame_hdr   sorted table: start of code -> FDE
 *   FDE             code range, program --+
 *   CIE    <--------------------------------+  encodings, initial program
 *
 * Frames themselves are computed by libunwind, see unwind.c. Everything here
 * comes from the target's memory: each length is bounded by what holds it, and
 * every loop by the bytes it has left.
 */
#pragma once

#include <stdbool.h>

#include "../lib/types.h"

/* Where the bytes come from: the target, or a test's array. */
struct cfi_memory {
	/* Return: 0 only when all @size bytes were read. */
	int (*read)(void *context, hf_addr address, void *data, size_t size);
	void *context;
};

struct cfi_entry {
	struct range code;	/* covered by the FDE */
	hf_addr table_entry;	/* its line in .eh_frame_hdr */
	struct range program;	/* of the FDE */
	struct range initial;	/* program of the CIE */
	uint64_t code_alignment;
	uint64_t return_register;
	uint8_t pointer_encoding;
	bool signal_frame;	/* made by the kernel to run a handler */
	bool has_handler;	/* for exceptions and forced unwinds: a personality */
};

/**
 * cfi_find() - the entry that covers a program counter
 * @header: address of .eh_frame_hdr, of @header_size bytes
 *
 * Return: 0; -ENOENT nothing covers it; -EBADMSG the tables are of a kind that
 * we do not read, or damaged; what @memory returned.
 */
int cfi_find(const struct cfi_memory *memory, hf_addr header,
	     size_t header_size, hf_addr pc, struct cfi_entry *ret_entry);

/**
 * cfi_make_header() - the .eh_frame_hdr that a linker would have made
 * @frames:     .eh_frame
 * @header:     address that it shall be thought to stand at, within 2 GiB of
 *              the code and of @frames
 * @ret_header: owned by the caller (free)
 *
 * For programs that were linked without one.
 *
 * Return: 0; -EBADMSG; -ENOMEM; what @memory returned.
 */
int cfi_make_header(const struct cfi_memory *memory, struct range frames,
		    hf_addr header, uint8_t **ret_header, size_t *ret_size);

/**
 * cfi_is_outermost() - does @entry declare the return address undefined at @pc?
 *
 * Return: 0; -EBADMSG a program that cannot be followed; what @memory returned.
 */
int cfi_is_outermost(const struct cfi_memory *memory,
		     const struct cfi_entry *entry, hf_addr pc,
		     bool *ret_outermost);
