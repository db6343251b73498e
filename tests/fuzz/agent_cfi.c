/*
 * Unwind tables in the target's memory: .eh_frame_hdr with .eh_frame behind it.
 * Every line of the table is followed, and a table is made anew.
 */
#include <errno.h>

#include "../../agent/cfi.h"
#include "../../lib/elf_view.h"
#include "fuzz.h"

#define BASE 0x10000000u
#define LINES_START 12
#define LINES_MAX 64

static int memory_read(void *context, hf_addr address, void *data, size_t size)
{
	const struct buffer *memory = context;

	if (address < BASE || address - BASE > memory->size ||
	    size > memory->size - (address - BASE))
		return -EFAULT;
	memcpy(data, memory->data + (address - BASE), size);
	return 0;
}

static bool look_up(const struct cfi_memory *memory, size_t size, hf_addr pc)
{
	struct cfi_entry entry = { 0 };
	bool outermost;

	if (cfi_find(memory, BASE, size, pc, &entry))
		return false;
	PROMISE(range_contains(&entry.code, pc));
	return !cfi_is_outermost(memory, &entry, pc, &outermost);
}

static bool make_header(const struct cfi_memory *memory,
			const struct buffer *input)
{
	owned(free_p) uint8_t *header = NULL;
	size_t header_size;
	int32_t to_frames;
	hf_addr frames;

	memcpy(&to_frames, input->data + 4, sizeof(to_frames));
	frames = BASE + 4 + (hf_addr)(int64_t)to_frames;
	if (frames > BASE + input->size || frames < BASE)
		return false;
	return !cfi_make_header(memory,
				(struct range){ frames, BASE + input->size },
				BASE, &header, &header_size);
}

static bool read_tables(const uint8_t *bytes, size_t size)
{
	struct buffer input = { (uint8_t *)(uintptr_t)bytes, size };
	struct cfi_memory memory = { memory_read, &input };
	bool found = false;

	if (size < LINES_START)
		return look_up(&memory, size, BASE);
	for (size_t i = 0; i < LINES_MAX; i++) {
		size_t at = LINES_START + 8 * i;
		int32_t code;

		if (at + sizeof(code) > size)
			break;
		memcpy(&code, bytes + at, sizeof(code));
		found |= look_up(&memory, size,
				 BASE + (hf_addr)(int64_t)code + i % 16);
	}
	return make_header(&memory, &input) && found;
}

/* Linkers put .eh_frame behind its table. */
static void seed_from(const struct buffer *file)
{
	struct elf_view view;
	Elf64_Shdr header, frames;

	PROMISE(!elf_view_open(file->data, file->size, &view, NULL));
	PROMISE(elf_view_find_section(&view, SHT_PROGBITS, ".eh_frame_hdr",
				      &header, NULL) > 0);
	PROMISE(elf_view_find_section(&view, SHT_PROGBITS, ".eh_frame",
				      &frames, NULL) > 0);
	fuzz_seed(file->data + header.sh_offset,
		  frames.sh_offset + frames.sh_size - header.sh_offset);
}

static void seeds(void)
{
	fuzz_built_read("tiny.so", seed_from);
}

const struct fuzz_target fuzz_target = { .read = read_tables, .seeds = seeds };
