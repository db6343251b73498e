/*
 * An ELF file in memory, read with bounds checks and edited in place.
 *
 * The file is mapped privately: what is edited stays ours until elf_save().
 * Only 64-bit little-endian files; tables that do not lie wholly and aligned in
 * the file are refused when it is opened, so that the pointers below are safe.
 */
#pragma once

#include <elf.h>
#include <stdbool.h>

#include "../lib/cleanup.h"
#include "../lib/diag.h"
#include "../lib/types.h"

struct elf_file {
	char *path;
	uint8_t *data;
	size_t size;
	Elf64_Ehdr *header;
	Elf64_Shdr *sections;
	size_t nr_sections;
	const Elf64_Phdr *segments;
	size_t nr_segments;
};

struct elf_symbols {
	Elf64_Sym *entries;
	size_t nr;
	size_t section; /* index of the table, 0: there is none */
};

/* Return: 0; -ENOEXEC (code "not-elf") with what is wrong; -errno. */
int elf_open(const char *path, struct elf_file **ret_file,
	     struct hf_diag *diag);
void elf_close(struct elf_file *file);
DEFINE_CLEANUP(struct elf_file, elf_close)

const char *elf_section_name(const struct elf_file *file,
			     const Elf64_Shdr *section);
/* NULL when there is none of that name. */
Elf64_Shdr *elf_section(const struct elf_file *file, const char *name);
/* The section with an index, NULL when out of bounds. */
Elf64_Shdr *elf_section_at(const struct elf_file *file, size_t index);
/* Its bytes; NULL when it has none in the file. */
uint8_t *elf_section_data(const struct elf_file *file,
			  const Elf64_Shdr *section);
/* Number of whole entries of @entry_size in a table. */
size_t elf_section_entries(const Elf64_Shdr *section, size_t entry_size);

/* A string of a string table; "" when it is out of bounds or unterminated. */
const char *elf_string(const struct elf_file *file, size_t table,
		       uint64_t offset);

/* @type: SHT_SYMTAB or SHT_DYNSYM. */
struct elf_symbols elf_symbols(const struct elf_file *file, uint32_t type);
const char *elf_symbol_name(const struct elf_file *file,
			    const struct elf_symbols *symbols, size_t index);

/* The dynamic section's entries; NULL when there are none. */
const Elf64_Dyn *elf_dynamic(const struct elf_file *file, size_t *ret_nr);

const Elf64_Phdr *elf_segment(const struct elf_file *file, uint32_t type);

/* @size bytes of the file that are loaded at @vaddr; NULL when not wholly. */
const uint8_t *elf_bytes_at(const struct elf_file *file, uint64_t vaddr,
			    uint64_t size);

/* Writes the edited file to @path, with @extra appended. */
int elf_save(const struct elf_file *file, const char *path, const void *extra,
	     size_t extra_size, mode_t mode, struct hf_diag *diag);
