/*
 * The same readers for libFuzzer (make fuzz-libfuzzer), which sees what code an
 * input has reached. It wants its seeds in a directory: the first argument.
 */
#include <errno.h>

#include "seeds.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void seed_write(const char *directory, size_t index)
{
	const struct buffer *seed = &fuzz_seeds.entries[index];
	owned(fclose_p) FILE *file = NULL;
	char path[4096];

	snprintf(path, sizeof(path), "%s/seed-%zu", directory, index);
	file = fopen(path, "we");
	if (!file || fwrite(seed->data, 1, seed->size, file) != seed->size) {
		perror(path);
		exit(1);
	}
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	fuzz_seeds_gather(program_invocation_short_name);
	for (size_t i = 0; *argc > 1 && i < fuzz_seeds.nr; i++)
		seed_write((*argv)[1], i);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	fuzz_target.read(bytes, size);
	return 0;
}
