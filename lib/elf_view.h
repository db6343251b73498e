/*
 * A 64-bit little-endian ELF file in memory, read without trust: every access
 * is checked against the file's size, and headers are copied out, so that
 * alignment does not matter either.
 */
#pragma once

#include <elf.h>
#include <stdbool.h>

#include "diag.h"
#include "types.h"

struct elf_view {
	const uint8_t *bytes; /* borrowed */
	size_t size;
	Elf64_Ehdr header;
};

/**
 * elf_view_open() - check the header and that both tables are in the file
 *
 * Return: 0; -EBADMSG (code "patch-malformed").
 */
int elf_view_open(const uint8_t *bytes, size_t size, struct elf_view *ret_view,
		  struct hf_diag *diag);

/* @size bytes at @offset, or NULL when the file does not hold all of them. */
const uint8_t *elf_view_at(const struct elf_view *view, uint64_t offset,
			   uint64_t size);

/* @index below e_phnum or e_shnum. */
Elf64_Phdr elf_view_segment(const struct elf_view *view, unsigned int index);
Elf64_Shdr elf_view_section(const struct elf_view *view, unsigned int index);

/**
 * elf_view_find_section() - the section of this type and name
 * @name: NULL for any
 *
 * Its content is in the file.
 *
 * Return: its index; 0 when there is none; -EBADMSG when there are several, or
 * the content is not in the file.
 */
int elf_view_find_section(const struct elf_view *view, uint32_t type,
			  const char *name, Elf64_Shdr *ret_section,
			  struct hf_diag *diag);
