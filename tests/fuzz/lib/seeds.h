/* The inputs to begin with. */
#pragma once

#include "../fuzz.h"

struct fuzz_seeds {
	struct buffer *entries;
	size_t nr;
	/* The first of them are valid, those of the corpus need not be. */
	size_t nr_valid;
};

extern struct fuzz_seeds fuzz_seeds;

/* The fuzzer's own and those of corpus/NAME. */
void fuzz_seeds_gather(const char *name);
/* Return: 0; -errno. */
int fuzz_seed_file(const char *path);
