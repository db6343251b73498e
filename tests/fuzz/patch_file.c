/*
 * The patch file, with whatever manifest: the reader survives, says something
 * when it refuses, and keeps its promises when it does not.
 */
#include <sys/mman.h>

#include "../../lib/patch_file.h"
#include "../sample_patch.h"
#include "fuzz.h"

static size_t place(const struct buffer *input)
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
	size_t i = fuzz_random_below(ARRAY_SIZE(headers));

	(void)input;
	return headers[i].start + fuzz_random_below(headers[i].size);
}

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

static bool read_patch(const uint8_t *bytes, size_t size)
{
	struct buffer file = { malloc(size ? size : 1), size };
	struct patch_file *patch = NULL;
	struct hf_diag diag = { 0 };
	int r;

	memcpy(file.data, bytes, size);
	r = patch_file_parse(&file, "fuzz", &patch, &diag);
	if (r == 0)
		promises_check(patch);
	else
		PROMISE(!patch && diag.code[0] && diag.message[0]);
	patch_file_free(patch);
	buffer_release(&file);
	return r == 0;
}

static void seeds(void)
{
	struct buffer seed = sample_patch();

	fuzz_seed(seed.data, seed.size);
	buffer_release(&seed);
}

const struct fuzz_target fuzz_target = {
	.read = read_patch, .seeds = seeds, .place = place,
};
