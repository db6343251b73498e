/*
 * A small and valid patch file, made in memory; tests damage copies of it.
 *
 *   file     memory
 *   0x0000   0x0000  r--  headers, .dynsym, .dynstr, .rela.dyn, .rela.plt
 *   0x1000   0x1000  r-x  code (traps)
 *   0x2000   0x2000  rw-  .dynamic, GOT (relro); 0x3000 .data; 0x3100 .bss
 *   0x3100   -            .note.hotfix, .rela.hotfix, .shstrtab, sections
 */
#pragma once

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/cleanup.h"
#include "../lib/io.h"
#include "sample_manifest.h"

#define SAMPLE_CAPACITY 0x8000

enum {
	SAMPLE_PHDRS = 0x40,
	SAMPLE_SYMBOLS = 0x400,
	SAMPLE_STRINGS = 0x600,
	SAMPLE_RELA_DYN = 0x700,
	SAMPLE_RELA_PLT = 0x780,
	SAMPLE_DYNAMIC = 0x2000,
	SAMPLE_HOTFIX = 0x3100, /* .rela.hotfix */
	SAMPLE_NAMES = 0x3300,
	SAMPLE_SHDRS = 0x3400,
	SAMPLE_NOTE = 0x3800,
	SAMPLE_JSON = SAMPLE_NOTE + 20,
};

/* Program headers and sections by number. */
enum { PH_TEXT = 1, PH_DATA, PH_DYNAMIC, PH_RELRO, PH_STACK, NR_PHDRS };
enum {
	SH_DYNSYM = 1,
	SH_DYNSTR,
	SH_TEXT,
	SH_NOTE_HOTFIX,
	SH_RELA_HOTFIX,
	SH_NAMES,
	NR_SHDRS,
};
enum {
	SYM_CHECK_CARD = 1,
	SYM_MEMCPY,
	SYM_LAST_ERROR,
	SYM_DEPTH,
	SYM_TABLE, /* defined in the patch */
	SYM_NOBODY,
	NR_SYMS,
};

/* Where a member of a header stands in the file. */
#define PHDR_FIELD(index, member)                                              \
	(SAMPLE_PHDRS + (index) * sizeof(Elf64_Phdr) +                         \
	 offsetof(Elf64_Phdr, member))
#define SHDR_FIELD(index, member)                                              \
	(SAMPLE_SHDRS + (index) * sizeof(Elf64_Shdr) +                         \
	 offsetof(Elf64_Shdr, member))
#define SYM_FIELD(index, member)                                               \
	(SAMPLE_SYMBOLS + (index) * sizeof(Elf64_Sym) +                        \
	 offsetof(Elf64_Sym, member))
#define RELA_FIELD(table, index, member)                                       \
	((table) + (index) * sizeof(Elf64_Rela) + offsetof(Elf64_Rela, member))
#define DYN_FIELD(index, member)                                               \
	(SAMPLE_DYNAMIC + (index) * sizeof(Elf64_Dyn) +                        \
	 offsetof(Elf64_Dyn, member))

#define SAMPLE_PUT(file, offset, ...)                                          \
	memcpy((file) + (offset), &(__VA_ARGS__), sizeof(__VA_ARGS__))

static void sample_put_segments(uint8_t *file)
{
	const Elf64_Phdr phdrs[NR_PHDRS] = {
		{ PT_LOAD, PF_R, 0, 0, 0, 0x800, 0x800, 0x1000 },
		{ PT_LOAD, PF_R | PF_X, 0x1000, 0x1000, 0, 0x60, 0x60, 0x1000 },
		{ PT_LOAD, PF_R | PF_W, 0x2000, 0x2000, 0, 0x1100, 0x1800,
		  0x1000 },
		{ PT_DYNAMIC, PF_R | PF_W, SAMPLE_DYNAMIC, SAMPLE_DYNAMIC, 0,
		  0xc0, 0xc0, 8 },
		{ PT_GNU_RELRO, PF_R, 0x2000, 0x2000, 0, 0x1000, 0x1000, 1 },
		{ PT_GNU_STACK, PF_R | PF_W, 0, 0, 0, 0, 0, 16 },
	};

	SAMPLE_PUT(file, SAMPLE_PHDRS, phdrs);
	memset(file + 0x1000, 0xcc, 0x60);
}

static void sample_put_symbols(uint8_t *file)
{
	static const char strings[] =
		"\0check_card\0memcpy\0last_error\0depth\0table\0nobody";
	const unsigned char function = ELF64_ST_INFO(STB_GLOBAL, STT_FUNC);
	const unsigned char object = ELF64_ST_INFO(STB_GLOBAL, STT_OBJECT);
	const unsigned char tls = ELF64_ST_INFO(STB_GLOBAL, STT_TLS);
	const Elf64_Sym symbols[NR_SYMS] = {
		[SYM_CHECK_CARD] = { 1, function, 0, SHN_UNDEF, 0, 0 },
		[SYM_MEMCPY] = { 12, function, 0, SHN_UNDEF, 0, 0 },
		[SYM_LAST_ERROR] = { 19, tls, 0, SHN_UNDEF, 0, 0 },
		[SYM_DEPTH] = { 30, tls, 0, SHN_UNDEF, 0, 0 },
		[SYM_TABLE] = { 36, object, 0, SH_TEXT, 0x3010, 8 },
		[SYM_NOBODY] = { 42, function, 0, SHN_UNDEF, 0, 0 },
	};

	SAMPLE_PUT(file, SAMPLE_SYMBOLS, symbols);
	SAMPLE_PUT(file, SAMPLE_STRINGS, strings);
}

static void sample_put_relocs(uint8_t *file)
{
	const Elf64_Rela dyn[] = {
		{ 0x2100, ELF64_R_INFO(0, R_X86_64_RELATIVE), 0x3000 },
		{ 0x2108, ELF64_R_INFO(SYM_TABLE, R_X86_64_64), 4 },
		{ 0x2118, ELF64_R_INFO(0, R_X86_64_NONE), 0 },
	};
	const Elf64_Rela plt[] = {
		{ 0x2110, ELF64_R_INFO(SYM_TABLE, R_X86_64_JUMP_SLOT), 0 },
	};
	const Elf64_Rela hotfix[] = {
		{ 0x2118, ELF64_R_INFO(SYM_CHECK_CARD, R_X86_64_GLOB_DAT), 0 },
		{ 0x1005, ELF64_R_INFO(SYM_MEMCPY, R_X86_64_PLT32), -4 },
		{ 0x2120, ELF64_R_INFO(SYM_LAST_ERROR, R_X86_64_TPOFF64), 0 },
		{ 0x2128, ELF64_R_INFO(SYM_DEPTH, R_X86_64_DTPMOD64), 0 },
		{ 0x2130, ELF64_R_INFO(SYM_DEPTH, R_X86_64_DTPOFF64), 0 },
		{ 0x37f8, ELF64_R_INFO(SYM_TABLE, R_X86_64_64), 8 },
	};
	const Elf64_Dyn dynamic[] = {
		{ DT_SYMTAB, { SAMPLE_SYMBOLS } },
		{ DT_STRTAB, { SAMPLE_STRINGS } },
		{ DT_RELA, { SAMPLE_RELA_DYN } },
		{ DT_RELASZ, { sizeof(dyn) } },
		{ DT_RELAENT, { sizeof(Elf64_Rela) } },
		{ DT_JMPREL, { SAMPLE_RELA_PLT } },
		{ DT_PLTRELSZ, { sizeof(plt) } },
		{ DT_FLAGS, { DF_BIND_NOW } },
		{ DT_NULL, { 0 } },
	};

	SAMPLE_PUT(file, SAMPLE_RELA_DYN, dyn);
	SAMPLE_PUT(file, SAMPLE_RELA_PLT, plt);
	SAMPLE_PUT(file, SAMPLE_HOTFIX, hotfix);
	SAMPLE_PUT(file, SAMPLE_DYNAMIC, dynamic);
}

/* Returns the size of the whole file, whose last part the note is. */
static size_t sample_put_note(uint8_t *file)
{
	owned(free_p) char *json = NULL;
	Elf64_Nhdr note = { sizeof("hotfix"), 0, 1 };

	if (manifest_format(&sample_manifest, &json, NULL) < 0)
		abort();
	note.n_descsz = (Elf64_Word)strlen(json);
	if (SAMPLE_JSON + note.n_descsz > SAMPLE_CAPACITY)
		abort();
	SAMPLE_PUT(file, SAMPLE_NOTE, note);
	memcpy(file + SAMPLE_NOTE + sizeof(note), "hotfix", sizeof("hotfix"));
	memcpy(file + SAMPLE_JSON, json, note.n_descsz);
	return SAMPLE_JSON + note.n_descsz;
}

static void sample_put_sections(uint8_t *file, size_t size)
{
	static const char names[] =
		"\0.dynsym\0.dynstr\0.text\0.note.hotfix\0.rela.hotfix\0"
		".shstrtab";
	const Elf64_Shdr sections[NR_SHDRS] = {
		[SH_DYNSYM] = { 1, SHT_DYNSYM, SHF_ALLOC, SAMPLE_SYMBOLS,
				SAMPLE_SYMBOLS, NR_SYMS * sizeof(Elf64_Sym),
				SH_DYNSTR, 1, 8, sizeof(Elf64_Sym) },
		[SH_DYNSTR] = { 9, SHT_STRTAB, SHF_ALLOC, SAMPLE_STRINGS,
				SAMPLE_STRINGS, 49, 0, 0, 1, 0 },
		[SH_TEXT] = { 17, SHT_PROGBITS, SHF_ALLOC | SHF_EXECINSTR,
			      0x1000, 0x1000, 0x60, 0, 0, 16, 0 },
		[SH_NOTE_HOTFIX] = { 23, SHT_NOTE, 0, 0, SAMPLE_NOTE,
				     size - SAMPLE_NOTE, 0, 0, 4, 0 },
		[SH_RELA_HOTFIX] = { 36, SHT_RELA, 0, 0, SAMPLE_HOTFIX,
				     6 * sizeof(Elf64_Rela), SH_DYNSYM, 0, 8,
				     sizeof(Elf64_Rela) },
		[SH_NAMES] = { 49, SHT_STRTAB, 0, 0, SAMPLE_NAMES,
			       sizeof(names), 0, 0, 1, 0 },
	};

	SAMPLE_PUT(file, SAMPLE_NAMES, names);
	SAMPLE_PUT(file, SAMPLE_SHDRS, sections);
}

/* The whole file, owned by the caller. */
static struct buffer sample_patch(void)
{
	const Elf64_Ehdr header = {
		.e_ident = { ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64,
			     ELFDATA2LSB, EV_CURRENT },
		.e_type = ET_DYN,
		.e_machine = EM_X86_64,
		.e_version = EV_CURRENT,
		.e_phoff = SAMPLE_PHDRS,
		.e_shoff = SAMPLE_SHDRS,
		.e_ehsize = sizeof(header),
		.e_phentsize = sizeof(Elf64_Phdr),
		.e_phnum = NR_PHDRS,
		.e_shentsize = sizeof(Elf64_Shdr),
		.e_shnum = NR_SHDRS,
		.e_shstrndx = SH_NAMES,
	};
	struct buffer file = { calloc(1, SAMPLE_CAPACITY), 0 };

	if (!file.data)
		abort();
	SAMPLE_PUT(file.data, 0, header);
	sample_put_segments(file.data);
	sample_put_symbols(file.data);
	sample_put_relocs(file.data);
	file.size = sample_put_note(file.data);
	sample_put_sections(file.data, file.size);
	return file;
}
