/*
 * What somebody else has written over a function, in words.
 */
#pragma once

#include "procfs.h"

/**
 * foreign_bytes_describe() - name what stands where a function should be
 * @address: of the function
 * @expected, @found: @size bytes; they differ
 *
 * "a breakpoint (int3) at +0", "a jump to ADDRESS in MODULE at +0 (another
 * tool's hook)", or the first difference in hexadecimal.
 */
void foreign_bytes_describe(const struct mappings *mappings, hf_addr address,
			    const uint8_t *expected, const uint8_t *found,
			    size_t size, char *ret_text, size_t text_size);
