/*
 * Changing a relocatable object: symbols and sections come and go, the bytes of
 * the rest stay where they are.
 *
 *	[ the old file, its relocations changed in place ]
 *	[ new sections ][ .symtab ][ .strtab ][ .shstrtab ][ section headers ]
 *
 * All is done in a copy: the file that is mapped stays as it was read. Symbols
 * keep the number that they have in the file until they are written, added ones
 * count on from there; only then they are put in order, local ones first, and
 * everything that names a symbol is numbered anew.
 */
#pragma once

#include "../array.h"
#include "../elf_file.h"

struct edit_bytes {
	uint8_t *data;
	size_t size;
};

struct edit_symbol {
	Elf64_Sym symbol; /* st_name: in `strings` */
	bool dropped;
	size_t number; /* when it is written */
};

struct edit_section {
	Elf64_Shdr header;
	struct edit_bytes added; /* content of a new section */
	size_t section_symbol;	 /* 0: not looked for yet */
};

struct object_edit {
	const struct elf_file *file; /* as it was read */
	struct edit_bytes bytes;     /* the copy */
	struct edit_section *sections;
	size_t nr_sections;
	struct edit_symbol *symbols;
	size_t nr_symbols;
	size_t symtab, strtab, shstrtab; /* sections */
	struct edit_bytes strings, names;
};

/**
 * edit_open() - begin to change @file, which must outlive the edit
 *
 * Section groups are dissolved: what is in them becomes ordinary.
 *
 * Return: 0; -ENOEXEC when it is damaged; -ECANCELED (code "object-too-large")
 * with more sections than 16 bits count; -ENOMEM.
 */
int edit_open(const struct elf_file *file, struct object_edit *ret_edit,
	      struct hf_diag *diag);
void edit_release(struct object_edit *edit);

/* Where in the copy something stands that was found in the file. */
void *edit_place(const struct object_edit *edit, const void *in_file);

Elf64_Shdr *edit_section(const struct object_edit *edit, size_t section);
const char *edit_symbol_name(const struct object_edit *edit, size_t symbol);

/* The relocations of a section; NULL, 0: it has none. */
Elf64_Rela *edit_relocations(const struct object_edit *edit, size_t section,
			     size_t *ret_nr);

/* All of these return 0 or -ENOMEM. */
int edit_rename(struct object_edit *edit, size_t symbol, const char *name);
int edit_add_symbol(struct object_edit *edit, const char *name,
		    const Elf64_Sym *symbol, size_t *ret_symbol);
/* The STT_SECTION symbol of a section, made where there is none. */
int edit_section_symbol(struct object_edit *edit, size_t section,
			size_t *ret_symbol);
/* An empty section; see edit_append(). */
int edit_add_section(struct object_edit *edit, const char *name,
		     const Elf64_Shdr *header, size_t *ret_section);
/* Puts @size bytes (NULL: zeros), aligned, behind what a new section holds. */
int edit_append(struct object_edit *edit, size_t section, const void *data,
		size_t size, size_t alignment, uint64_t *ret_offset);

/* The linker leaves it out, and its relocations are gone. */
void edit_exclude(struct object_edit *edit, size_t section);

/**
 * edit_save() - write the object
 *
 * Return: 0; -EINVAL (code "object-edit") when a relocation that stays names a
 * symbol that was dropped; -ENOMEM; -errno.
 */
int edit_save(struct object_edit *edit, const char *path,
	      struct hf_diag *diag);
