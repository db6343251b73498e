/*
 * One fuzzer a parser: it says how to read an input and what a valid one looks
 * like; lib/ damages those, runs the reader in a child, and names the input that
 * was too much for it.
 *
 *	seeds() ──► fuzz_seed()┐
 *	corpus/NAME/    ───────┴► as they are, then damaged ──► read()
 *
 *	FUZZ_SEED=1        the same number gives the same inputs
 *	FUZZ_RUNS=200000   inputs; 0: without end
 *	FUZZ_SECONDS=0     stop after that; 0: never
 *	FUZZ_HANG_SECONDS=60
 *
 * Arguments are files that take the place of the seeds. The child must neither
 * die, nor take longer than FUZZ_HANG_SECONDS for one input, nor leak; what it
 * was reading then is left in $HOTFIX_O/fuzz/NAME-INDEX.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../lib/cleanup.h"
#include "../../lib/io.h"
#include "../../lib/types.h"

#define FUZZ_INPUT_MAX (256u << 10)

struct fuzz_target {
	/* @bytes has not one byte more. Return: whether it was accepted. */
	bool (*read)(const uint8_t *bytes, size_t size);
	/* Gives each valid input to fuzz_seed(). */
	void (*seeds)(void);
	/* Where damage tells; NULL: anywhere. */
	size_t (*place)(const struct buffer *input);
	bool text; /* made of lines, words and numbers */
};

/* What the fuzzer is about; each has one. */
extern const struct fuzz_target fuzz_target;

void fuzz_seed(const void *bytes, size_t size);
/* A file that the build has made: below $HOTFIX_O/tests/fuzz/seeds. */
void fuzz_seed_built(const char *name);
/* The same, handed to @use instead. */
void fuzz_built_read(const char *name, void (*use)(const struct buffer *));

/* For place(): the file's headers and tables rather than its code. */
size_t fuzz_place_elf(const struct buffer *input);

/* The input as a file, for readers that want one; "/proc/self/fd/N". */
const char *fuzz_file(const uint8_t *bytes, size_t size);

uint64_t fuzz_random(void);
size_t fuzz_random_below(size_t limit);

#define PROMISE(condition)                                                     \
	do {                                                                   \
		if (!(condition)) {                                            \
			fprintf(stderr, "broken promise: %s\n", #condition);   \
			abort();                                               \
		}                                                              \
	} while (0)
