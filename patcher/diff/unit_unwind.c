/*
 * Which functions have an exception table.
 *
 * A function with clean-ups (catch, destructors, __attribute__((cleanup)) under
 * -fexceptions) has a table that the unwinder reads through its unwind entry:
 *
 *	.eh_frame	length | CIE | start of f | size | ... | table of f |
 *... |			 | relocation	     relocation
 *
 * In an entry, the first relocation is the start; only a table needs another
 * one.
 */
#include <string.h>

#include "unit_read.h"

#define START_FIELD 8 /* behind the length and the CIE's distance */

struct unwind_entry {
	uint64_t offset, end; /* in .eh_frame */
};

/* What stands behind @entry; false: it does not fit into the section. */
static bool next_entry(const uint8_t *data, uint64_t size,
		       struct unwind_entry *entry)
{
	uint32_t length;

	entry->offset = entry->end;
	if (size - entry->offset < sizeof(length))
		return false;
	memcpy(&length, data + entry->offset, sizeof(length));
	/* 64-bit lengths, which no compiler writes, do not fit either. */
	if (length > size - entry->offset - sizeof(length))
		return false;
	entry->end = entry->offset + sizeof(length) + length;
	return true;
}

/* Relocations come in order as a rule: one pass then. */
static bool find_entry(const uint8_t *data, uint64_t size, uint64_t offset,
		       struct unwind_entry *entry)
{
	if (offset < entry->offset)
		*entry = (struct unwind_entry){ 0 };
	while (offset >= entry->end)
		if (!next_entry(data, size, entry))
			return false;
	return true;
}

static bool is_of_function(const uint8_t *data,
			   const struct unwind_entry *entry)
{
	uint32_t cie = 0;

	if (entry->end - entry->offset >= START_FIELD)
		memcpy(&cie, data + entry->offset + sizeof(cie), sizeof(cie));
	return cie != 0;
}

static struct item *led_to(const struct unit *unit, const Elf64_Rela *rela)
{
	size_t index = ELF64_R_SYM(rela->r_info);
	const Elf64_Sym *symbol;

	if (!index || index >= unit->symbols.nr)
		return NULL;
	symbol = &unit->symbols.entries[index];
	return unit_item_at(unit, symbol->st_shndx,
			    symbol->st_value + (uint64_t)rela->r_addend);
}

/* Also by a later one, should they not be in order. */
static struct item *function_of(const struct unit *unit,
				const Elf64_Rela *relocations, size_t nr,
				const struct unwind_entry *entry)
{
	for (size_t i = 0; i < nr; i++)
		if (relocations[i].r_offset == entry->offset + START_FIELD)
			return led_to(unit, &relocations[i]);
	return NULL;
}

static int read_section(const struct unit *unit, const Elf64_Shdr *section,
			const Elf64_Shdr *list, struct hf_diag *diag)
{
	const uint8_t *data = elf_section_data(unit->file, section);
	const Elf64_Rela *relocations =
		(const void *)elf_section_data(unit->file, list);
	size_t nr = relocations
			    ? elf_section_entries(list, sizeof(*relocations))
			    : 0;
	struct unwind_entry entry = { 0 };

	for (size_t i = 0; data && i < nr; i++) {
		uint64_t offset = relocations[i].r_offset;
		struct item *item;

		if (!find_entry(data, section->sh_size, offset, &entry))
			return unit_fail_damaged(
				unit, diag,
				"its unwind entries do not fit "
				"into .eh_frame");
		if (offset <= entry.offset + START_FIELD ||
		    !is_of_function(data, &entry))
			continue;
		item = function_of(unit, relocations, nr, &entry);
		if (item)
			item->has_table = true;
	}
	return 0;
}

int unit_find_tables(struct unit *unit, struct hf_diag *diag)
{
	const struct elf_file *file = unit->file;
	int r = 0;

	for (size_t i = 1; i < file->nr_sections && !r; i++) {
		const Elf64_Shdr *list = &file->sections[i];
		const Elf64_Shdr *section =
			list->sh_type == SHT_RELA
				? elf_section_at(file, list->sh_info)
				: NULL;

		if (section &&
		    !strcmp(elf_section_name(file, section), ".eh_frame"))
			r = read_section(unit, section, list, diag);
	}
	return r;
}
