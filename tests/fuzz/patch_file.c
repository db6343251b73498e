/*
 * Damages a valid patch file in every way that comes to mind and reads it.
 * Nothing is checked but that the reader survives, says something when it
 * refuses, and keeps its promises when it does not; run it under
 *
 *   make fuzz SAN=address,undefined
 *
 * The same seed gives the same files: FUZZ_SEED (1), FUZZ_RUNS (200000).
 * Arguments are patch files to damage instead of the built-in one.
 */
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>

#include "../../lib/patch_file.h"
#include "../sample_patch.h"

#define DAMAGES_MAX 4

static uint64_t state;

static uint64_t random_next(void)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state;
}

static size_t random_below(size_t limit)
{
	return limit ? random_next() % limit : 0;
}

/* Values at which arithmetic goes wrong. */
static uint64_t random_value(void)
{
	static const uint64_t values[] = {
		0,	    1,		7,	    8,		 24,
		0x7f,	    0x80,	0xff,	    0xfff,	 0x1000,
		0x1fff,	    0x2000,	0x7fff,	    0xffff,	 0x7fffffff,
		0x80000000, 0xffffffff, INT64_MAX,  UINT64_MAX - 7,
		UINT64_MAX, UINT64_MAX - 0xfff,
	};

	if (random_below(4) == 0)
		return random_next();
	return values[random_below(ARRAY_SIZE(values))];
}

/* Headers decide more than code does: half of all damage is done to them. */
static size_t random_place(const struct buffer *file)
{
	static const struct {
		size_t start, size;
	} headers[] = {
		{ 0, 0x200 },
		{ SAMPLE_SYMBOLS, 0x100 },
		{ SAMPLE_RELA_DYN, 0x100 },
		{ SAMPLE_DYNAMIC, 0xc0 },
		{ SAMPLE_HOTFIX, 0x100 },
		{ SAMPLE_SHDRS, 0x200 },
		{ SAMPLE_NOTE, 0x40 },
	};
	size_t place = random_below(file->size), i;

	if (random_below(2)) {
		i = random_below(ARRAY_SIZE(headers));
		place = headers[i].start + random_below(headers[i].size);
	}
	return place < file->size ? place : 0;
}

static void field_overwrite(struct buffer *file)
{
	static const size_t sizes[] = { 1, 2, 4, 8 };
	size_t size = sizes[random_below(4)];
	size_t place = random_place(file) & ~(size - 1);
	uint64_t value = random_value();

	if (place + size <= file->size)
		memcpy(file->data + place, &value, size);
}

/* One stretch of the file over another: valid things in the wrong place. */
static void stretch_copy(struct buffer *file)
{
	size_t from = random_place(file), to = random_place(file);
	size_t size = random_below(64);

	if (from + size <= file->size && to + size <= file->size)
		memmove(file->data + to, file->data + from, size);
}

static void damage(struct buffer *file)
{
	switch (random_below(8)) {
	case 0:
		file->size = random_below(file->size + 1);
		break;
	case 1:
	case 2:
		file->data[random_place(file)] ^=
			(uint8_t)(1u << random_below(8));
		break;
	case 3:
		stretch_copy(file);
		break;
	default:
		field_overwrite(file);
	}
}

#define PROMISE(condition)                                                     \
	do {                                                                   \
		if (!(condition)) {                                            \
			fprintf(stderr, "broken promise: %s\n", #condition);   \
			abort();                                               \
		}                                                              \
	} while (0)

static void segments_check(const struct patch_file *patch)
{
	uint64_t end = 0;

	for (size_t i = 0; i < patch->nr_segments; i++) {
		const struct patch_segment *s = &patch->segments[i];

		PROMISE(s->vaddr >= end);
		PROMISE(s->file_size <= s->memory_size);
		PROMISE(s->file_offset <= patch->bytes.size);
		PROMISE(s->file_size <= patch->bytes.size - s->file_offset);
		PROMISE(!(s->protection & PROT_WRITE) ||
			!(s->protection & PROT_EXEC));
		end = align_up(s->vaddr + s->memory_size, HF_PAGE_SIZE);
	}
	PROMISE(patch->image_size == end);
	PROMISE(end <= PATCH_IMAGE_SIZE_MAX);
	PROMISE(patch->relro_start <= patch->relro_end);
	PROMISE(patch->relro_end <= end);
}

static void relocs_check(const struct patch_file *patch)
{
	for (size_t i = 0; i < patch->nr_relocs; i++) {
		const struct patch_reloc *reloc = &patch->relocs[i];
		size_t size = patch->arch->reloc_size(reloc->type);

		PROMISE(size == 4 || size == 8);
		PROMISE(reloc->vaddr <= patch->image_size - size);
		PROMISE(reloc->import >= -1);
		PROMISE(reloc->import < (int32_t)patch->manifest->nr_imports);
	}
}

static void promises_check(const struct patch_file *patch)
{
	const struct manifest *manifest = patch->manifest;

	segments_check(patch);
	relocs_check(patch);
	PROMISE(manifest_name_valid(manifest->name));
	PROMISE(manifest->nr_functions > 0);
	for (size_t i = 0; i < manifest->nr_functions; i++) {
		const struct manifest_function *f = &manifest->functions[i];

		PROMISE(f->name && f->replacement && f->size);
		PROMISE(f->replacement_vaddr + f->replacement_size <=
			patch->image_size);
	}
}

/* Returns whether it was accepted. */
static bool run(const struct buffer *seed)
{
	/* Exactly as long as the file, so that reads beyond are seen. */
	struct buffer file = { malloc(seed->size ? seed->size : 1),
			       seed->size };
	struct patch_file *patch = NULL;
	struct hf_diag diag = { 0 };
	int r;

	memcpy(file.data, seed->data, seed->size);
	r = patch_file_parse(&file, "fuzz", &patch, &diag);
	if (r == 0)
		promises_check(patch);
	else
		PROMISE(!patch && diag.code[0] && diag.message[0]);
	patch_file_free(patch);
	buffer_release(&file);
	return r == 0;
}

static uint64_t setting(const char *name, uint64_t otherwise)
{
	const char *text = getenv(name);

	return text ? strtoull(text, NULL, 0) : otherwise;
}

static void fuzz(const char *name, const struct buffer *seed)
{
	const uint64_t nr_runs = setting("FUZZ_RUNS", 200000);
	uint8_t *bytes = malloc(seed->size + 1);
	uint64_t nr_accepted = 0;

	if (!run(seed))
		fprintf(stderr, "%s: not a valid patch to begin with\n", name);
	state = setting("FUZZ_SEED", 1) * 0x9e3779b97f4a7c15u;
	for (uint64_t i = 0; i < nr_runs; i++) {
		struct buffer file = { bytes, seed->size };

		memcpy(bytes, seed->data, seed->size);
		for (size_t j = 1 + random_below(DAMAGES_MAX); j-- > 0;)
			if (file.size > 0)
				damage(&file);
		nr_accepted += run(&file);
	}
	free(bytes);
	printf("%s: %lu runs, %lu of them accepted\n", name, nr_runs,
	       nr_accepted);
}

int main(int argc, char **argv)
{
	if (argc == 1) {
		struct buffer seed = sample_patch();

		fuzz("patch_file", &seed);
		buffer_release(&seed);
	}
	for (int i = 1; i < argc; i++) {
		struct buffer seed = { 0 };
		struct hf_diag diag = { 0 };

		if (file_read(AT_FDCWD, argv[i], PATCH_FILE_SIZE_MAX, &seed,
			      &diag) < 0) {
			fprintf(stderr, "%s\n", diag.message);
			return 1;
		}
		if (seed.size)
			fuzz(argv[i], &seed);
		buffer_release(&seed);
	}
	return 0;
}
