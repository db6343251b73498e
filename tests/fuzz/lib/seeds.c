/* Seeds live as long as the program. */
#include <fcntl.h>
#include <glob.h>
#include <stdio.h>
#include <sys/mman.h>

#include "seeds.h"

struct fuzz_seeds fuzz_seeds;

void fuzz_seed(const void *bytes, size_t size)
{
	struct buffer *entry;

	fuzz_seeds.entries = reallocarray(fuzz_seeds.entries,
					  fuzz_seeds.nr + 1, sizeof(*entry));
	entry = &fuzz_seeds.entries[fuzz_seeds.nr++];
	entry->size = size < FUZZ_INPUT_MAX ? size : FUZZ_INPUT_MAX;
	entry->data = malloc(entry->size + 1);
	memcpy(entry->data, bytes, entry->size);
}

static int file_use(const char *path, void (*use)(const struct buffer *))
{
	struct buffer bytes = { 0 };
	struct hf_diag diag = { 0 };
	int r = file_read(AT_FDCWD, path, FUZZ_INPUT_MAX, &bytes, &diag);

	if (r < 0) {
		fprintf(stderr, "%s\n", diag.message);
		return r;
	}
	use(&bytes);
	buffer_release(&bytes);
	return 0;
}

static void seed_add(const struct buffer *bytes)
{
	fuzz_seed(bytes->data, bytes->size);
}

int fuzz_seed_file(const char *path)
{
	return file_use(path, seed_add);
}

static const char *directory(const char *variable, const char *otherwise)
{
	const char *path = getenv(variable);

	return path ? path : otherwise;
}

void fuzz_built_read(const char *name, void (*use)(const struct buffer *))
{
	char path[4096];

	snprintf(path, sizeof(path), "%s/tests/fuzz/seeds/%s",
		 directory("HOTFIX_O", "build"), name);
	if (file_use(path, use) < 0)
		exit(1);
}

void fuzz_seed_built(const char *name)
{
	fuzz_built_read(name, seed_add);
}

void fuzz_seeds_gather(const char *name)
{
	char pattern[4096];
	glob_t found = { 0 };

	fuzz_target.seeds();
	fuzz_seeds.nr_valid = fuzz_seeds.nr;
	snprintf(pattern, sizeof(pattern), "%s/tests/fuzz/corpus/%s/*",
		 directory("HOTFIX_TOP", "."), name);
	glob(pattern, 0, NULL, &found);
	for (size_t i = 0; i < found.gl_pathc; i++)
		if (fuzz_seed_file(found.gl_pathv[i]) < 0)
			exit(1);
	globfree(&found);
}

const char *fuzz_file(const uint8_t *bytes, size_t size)
{
	static char path[32];
	static int fd = -1;

	if (fd < 0)
		fd = memfd_create("input", MFD_CLOEXEC);
	PROMISE(fd >= 0 && ftruncate(fd, 0) == 0);
	PROMISE(write_full_at(fd, bytes, size, 0) == 0);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return path;
}
