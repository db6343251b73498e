/*
 * A shared object as it stands in memory, small and with everything that the
 * agent looks for; and where two of them are mapped.
 */
#pragma once

#include <assert.h>
#include <elf.h>
#include <stddef.h>
#include <string.h>

#include "../../agent/procfs.h"

#define BASE 0x7f0000000000ull
#define OTHER 0x7f0000100000ull
#define STR(text) ((char *)(uintptr_t)(text))

enum { SYM_EXT = 1, SYM_F_OLD, SYM_F, SYM_TLS, SYM_IFUNC, NR_SYMS };

/* A whole shared object on two pages: text, then data. */
struct object {
	Elf64_Ehdr ehdr;
	Elf64_Phdr phdrs[6];
	struct {
		Elf64_Nhdr nhdr;
		char owner[4];
		uint8_t id[20];
	} note;
	char strings[64];
	Elf64_Sym symbols[NR_SYMS];
	uint16_t versym[NR_SYMS];
	struct {
		Elf64_Verdef def;
		Elf64_Verdaux aux;
	} verdef[2];
	struct {
		uint32_t nr_buckets, first, nr_bloom, shift;
		uint64_t bloom;
		uint32_t bucket;
		uint32_t chain[NR_SYMS - 2];
	} gnu_hash;
	struct {
		uint32_t nr_buckets, nr_chain, bucket, chain[NR_SYMS];
	} hash;
	Elf64_Rela jmprel[2];
	Elf64_Rela rela[2];
	uint8_t text[64];

	Elf64_Dyn dynamic[16] __attribute__((aligned(4096)));
	uint64_t slots[3];
	uint64_t debug[2];
	uint64_t link_map[2][5];
};

/* Indices into the dynamic section. */
enum { DYN_GNU_HASH = 4, DYN_JMPREL = 8, DYN_RELA = 10 };

#define AT(member) offsetof(struct object, member)
static_assert(AT(dynamic) == 4096, "text and data on a page each");

static const char strings[] = "\0ext\0f\0t\0i\0V1\0V2\0libtest.so";
enum { S_EXT = 1, S_F = 5, S_T = 7, S_I = 9, S_V1 = 11, S_V2 = 14, S_SO = 17 };

static uint32_t hash_of(const char *name)
{
	uint32_t hash = 5381;

	for (; *name; name++)
		hash = hash * 33 + (unsigned char)*name;
	return hash;
}

static Elf64_Sym symbol(uint32_t name, unsigned char type, uint16_t section,
			uint64_t value)
{
	return (Elf64_Sym){ .st_name = name, .st_shndx = section,
			    .st_info = (unsigned char)ELF64_ST_INFO(STB_GLOBAL,
								    type),
			    .st_value = value, .st_size = 8 };
}

static void object_headers(struct object *o)
{
	Elf64_Phdr phdrs[6] = {
		{ .p_type = PT_LOAD, .p_flags = PF_R | PF_X, .p_filesz = 4096,
		  .p_memsz = 4096 },
		{ .p_type = PT_LOAD, .p_flags = PF_R | PF_W, .p_offset = 4096,
		  .p_vaddr = 4096, .p_memsz = sizeof(*o) - 4096 },
		{ .p_type = PT_DYNAMIC, .p_vaddr = AT(dynamic),
		  .p_memsz = sizeof(o->dynamic) },
		{ .p_type = PT_NOTE, .p_vaddr = AT(note), .p_align = 4,
		  .p_memsz = sizeof(o->note) },
		{ .p_type = PT_TLS, .p_memsz = 0x20, .p_align = 16 },
		{ .p_type = PT_GNU_EH_FRAME, .p_vaddr = AT(text),
		  .p_memsz = 16 },
	};

	memcpy(o->ehdr.e_ident, ELFMAG, SELFMAG);
	o->ehdr.e_ident[EI_CLASS] = ELFCLASS64;
	o->ehdr.e_ident[EI_DATA] = ELFDATA2LSB;
	o->ehdr.e_type = ET_DYN;
	o->ehdr.e_machine = EM_X86_64;
	o->ehdr.e_entry = AT(text);
	o->ehdr.e_phoff = AT(phdrs);
	o->ehdr.e_phentsize = sizeof(Elf64_Phdr);
	o->ehdr.e_phnum = 6;
	memcpy(o->phdrs, phdrs, sizeof(phdrs));
	o->note.nhdr = (Elf64_Nhdr){ 4, 20, NT_GNU_BUILD_ID };
	memcpy(o->note.owner, "GNU", 4);
	memset(o->note.id, 0xab, 20);
}

static void object_symbols(struct object *o)
{
	static const uint16_t versym[] = { 0, 1, 0x8002, 3, 1, 1 };
	static const uint32_t names[] = { S_F, S_F, S_T, S_I };

	memcpy(o->strings, strings, sizeof(strings));
	o->symbols[SYM_EXT] = symbol(S_EXT, STT_FUNC, SHN_UNDEF, 0);
	o->symbols[SYM_F_OLD] = symbol(S_F, STT_FUNC, 1, AT(text));
	o->symbols[SYM_F] = symbol(S_F, STT_FUNC, 1, AT(text) + 8);
	o->symbols[SYM_TLS] = symbol(S_T, STT_TLS, 2, 0x10);
	o->symbols[SYM_IFUNC] = symbol(S_I, STT_GNU_IFUNC, 1, AT(text) + 16);
	memcpy(o->versym, versym, sizeof(versym));
	for (uint16_t i = 0; i < 2; i++) {
		o->verdef[i].def = (Elf64_Verdef){
			.vd_version = 1, .vd_ndx = (uint16_t)(2 + i),
			.vd_cnt = 1, .vd_aux = sizeof(Elf64_Verdef),
			.vd_next = i ? 0 : sizeof(o->verdef[0]),
		};
		o->verdef[i].aux.vda_name = i ? S_V2 : S_V1;
	}
	o->gnu_hash.nr_buckets = o->gnu_hash.nr_bloom = 1;
	o->gnu_hash.first = o->gnu_hash.bucket = SYM_F_OLD;
	o->gnu_hash.bloom = UINT64_MAX;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		o->gnu_hash.chain[i] = (hash_of(strings + names[i]) & ~1u) |
				       (i == ARRAY_SIZE(names) - 1);
	o->hash.nr_buckets = 1;
	o->hash.nr_chain = NR_SYMS;
	o->hash.bucket = 1;
	for (uint32_t i = 1; i < NR_SYMS; i++)
		o->hash.chain[i] = (i + 1) % NR_SYMS;
}

/* @added: what the loader has added to the addresses; musl adds nothing. */
static void object_dynamic(struct object *o, uint64_t added)
{
	const Elf64_Dyn dynamic[] = {
		{ DT_SONAME, { S_SO } },
		{ DT_STRTAB, { AT(strings) + added } },
		{ DT_STRSZ, { sizeof(o->strings) } },
		{ DT_SYMTAB, { AT(symbols) + added } },
		{ DT_GNU_HASH, { AT(gnu_hash) + added } },
		{ DT_HASH, { AT(hash) + added } },
		{ DT_VERSYM, { AT(versym) + added } },
		{ DT_VERDEF, { AT(verdef) + added } },
		{ DT_JMPREL, { AT(jmprel) + added } },
		{ DT_PLTRELSZ, { sizeof(o->jmprel) } },
		{ DT_RELA, { AT(rela) + added } },
		{ DT_RELASZ, { sizeof(o->rela) } },
		{ DT_RELACOUNT, { 1 } },
		{ DT_DEBUG, { BASE + AT(debug) } },
		{ DT_NULL, { 0 } },
	};

	memcpy(o->dynamic, dynamic, sizeof(dynamic));
	o->jmprel[0] = (Elf64_Rela){ AT(slots[0]),
				     ELF64_R_INFO((uint64_t)SYM_EXT,
						  R_X86_64_JUMP_SLOT), 0 };
	o->jmprel[1] = (Elf64_Rela){ AT(slots[1]),
				     ELF64_R_INFO(0ull, R_X86_64_IRELATIVE),
				     AT(text) + 16 };
	/* The first one is not looked at: it is counted as RELATIVE. */
	o->rela[0] = (Elf64_Rela){ AT(text),
				   ELF64_R_INFO((uint64_t)SYM_EXT,
						R_X86_64_GLOB_DAT), 0 };
	o->rela[1] = o->rela[0];
	o->rela[1].r_offset = AT(slots[2]);
	o->slots[0] = OTHER + AT(text) + 4;
	o->slots[2] = OTHER + AT(text) + 5;
	memcpy(o->text, &(uint64_t){ OTHER + AT(text) + 6 }, 8);
	o->slots[1] = BASE + AT(text) + 24;
	o->debug[1] = BASE + AT(link_map[0]);
	/* l_ld, l_next; ends in a circle. */
	o->link_map[0][2] = OTHER + AT(dynamic);
	o->link_map[0][3] = BASE + AT(link_map[1]);
	o->link_map[1][2] = BASE + AT(dynamic);
	o->link_map[1][3] = BASE + AT(link_map[0]);
}

static struct object *object_make(uint64_t added)
{
	static struct object object;

	memset(&object, 0, sizeof(object));
	object_headers(&object);
	object_symbols(&object);
	object_dynamic(&object, added);
	return &object;
}

static struct mapping maps[] = {
	{ .range = { BASE, BASE + 0x1000 }, .protection = PROT_READ | PROT_EXEC,
	  .inode = 1, .path = STR("/lib/libtest.so.1 (deleted)") },
	{ .range = { BASE + 0x1000, BASE + 0x2000 }, .inode = 1,
	  .protection = PROT_READ | PROT_WRITE, .offset = 0x1000,
	  .path = STR("/lib/libtest.so.1 (deleted)") },
	{ .range = { OTHER, OTHER + 0x1000 }, .inode = 2,
	  .protection = PROT_READ | PROT_EXEC, .path = STR("/lib/libother.so") },
	{ .range = { OTHER + 0x1000, OTHER + 0x2000 }, .inode = 2,
	  .protection = PROT_READ | PROT_WRITE, .offset = 0x1000,
	  .path = STR("/lib/libother.so") },
};
static const struct mappings mappings = { maps, ARRAY_SIZE(maps) };
