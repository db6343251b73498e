#include "../../lib/patch_file.h"

#include <errno.h>
#include <sys/mman.h>

#include "../../lib/digest.h"
#include "../sample_patch.h"
#include "../tap.h"

DEFINE_CLEANUP(struct patch_file, patch_file_free)

/* Memory of exactly this size, so that a sanitizer sees reads beyond. */
static int parse(const struct buffer *file, size_t size,
		 struct patch_file **ret_patch, struct hf_diag *diag)
{
	struct buffer copy = { malloc(size ? size : 1), size };
	int r;

	memcpy(copy.data, file->data, size);
	r = patch_file_parse(&copy, "fix.hotfix.so", ret_patch, diag);
	buffer_release(&copy);
	return r;
}

static int parse_edited(size_t offset, size_t size, uint64_t value,
			struct patch_file **ret_patch, struct hf_diag *diag)
{
	owned(buffer_release) struct buffer file = sample_patch();

	memcpy(file.data + offset, &value, size);
	return parse(&file, file.size, ret_patch, diag);
}

TEST(a_whole_one)
{
	static const struct patch_segment segments[] = {
		{ 0, 0, 0x800, 0x800, PROT_READ },
		{ 0x1000, 0x1000, 0x60, 0x60, PROT_READ | PROT_EXEC },
		{ 0x2000, 0x2000, 0x1100, 0x1800, PROT_READ | PROT_WRITE },
	};
	owned(buffer_release) struct buffer file = sample_patch();
	owned(patch_file_free_p) struct patch_file *patch = NULL;
	uint8_t digest[SHA256_SIZE];
	struct hf_diag diag = { 0 };

	parse(&file, file.size, &patch, &diag);
	CHECK_STR(diag.message, "");
	CHECK_STR(patch->path, "fix.hotfix.so");
	CHECK(patch->arch == &arch_x86_64);
	CHECK_STR(patch->manifest->name, "CVE-2026-1234");
	CHECK_EQ(patch->manifest_json[0], '{');
	CHECK_EQ(patch->manifest_json_size, file.size - SAMPLE_JSON);
	CHECK_EQ(patch->image_size, 0x4000);
	CHECK_EQ(patch->relro_start, 0x2000);
	CHECK_EQ(patch->relro_end, 0x3000);
	sha256(file.data, file.size, digest);
	CHECK_BYTES(patch->digest, digest, SHA256_SIZE);
	CHECK_EQ(patch->nr_segments, 3);
	for (size_t i = 0; i < 3; i++) {
		CHECK_EQ(patch->segments[i].vaddr, segments[i].vaddr);
		CHECK_EQ(patch->segments[i].file_offset,
			 segments[i].file_offset);
		CHECK_EQ(patch->segments[i].file_size, segments[i].file_size);
		CHECK_EQ(patch->segments[i].memory_size,
			 segments[i].memory_size);
		CHECK_EQ(patch->segments[i].protection, segments[i].protection);
	}
}

TEST(relocations)
{
	/* Local symbols are folded into the addend; NONE is left out. */
	static const struct patch_reloc want[] = {
		{ 0x2100, R_X86_64_RELATIVE, -1, 0x3000 },
		{ 0x2108, R_X86_64_64, -1, 0x3014 },
		{ 0x2110, R_X86_64_JUMP_SLOT, -1, 0x3010 },
		{ 0x2118, R_X86_64_GLOB_DAT, 0, 0 },
		{ 0x1005, R_X86_64_PLT32, 1, -4 },
		{ 0x2120, R_X86_64_TPOFF64, 2, 0 },
		{ 0x2128, R_X86_64_DTPMOD64, 3, 0 },
		{ 0x2130, R_X86_64_DTPOFF64, 3, 0 },
		{ 0x37f8, R_X86_64_64, -1, 0x3018 },
	};
	owned(buffer_release) struct buffer file = sample_patch();
	owned(patch_file_free_p) struct patch_file *patch = NULL;

	CHECK_EQ(parse(&file, file.size, &patch, NULL), 0);
	CHECK_EQ(patch->nr_relocs, ARRAY_SIZE(want));
	for (size_t i = 0; i < ARRAY_SIZE(want); i++) {
		CHECK_EQ(patch->relocs[i].vaddr, want[i].vaddr);
		CHECK_EQ(patch->relocs[i].type, want[i].type);
		CHECK_EQ(patch->relocs[i].import, want[i].import);
		CHECK_EQ(patch->relocs[i].addend, want[i].addend);
	}
}

/* In instructions, while they are still in our own memory. */
TEST(relocations_of_code)
{
	static const struct {
		uint32_t symbol, type;
		int32_t import;
	} cases[] = {
		{ SYM_CHECK_CARD, R_X86_64_32, 0 },
		{ SYM_CHECK_CARD, R_X86_64_32S, 0 },
		/* of the patch itself */
		{ 0, R_X86_64_32, -1 },
		{ 0, R_X86_64_32S, -1 },
		{ 0, R_X86_64_RELATIVE, -1 },
		{ SYM_LAST_ERROR, R_X86_64_TPOFF32, 2 },
		{ SYM_DEPTH, R_X86_64_DTPOFF32, 3 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		owned(buffer_release) struct buffer file = sample_patch();
		owned(patch_file_free_p) struct patch_file *patch = NULL;
		const Elf64_Rela reloc = {
			0x1010, ELF64_R_INFO((uint64_t)cases[i].symbol,
					     cases[i].type), 0x20,
		};

		SAMPLE_PUT(file.data, SAMPLE_HOTFIX, reloc);
		CHECK_EQ(parse(&file, file.size, &patch, NULL), 0);
		CHECK_EQ(patch->relocs[3].vaddr, 0x1010);
		CHECK_EQ(patch->relocs[3].type, cases[i].type);
		CHECK_EQ(patch->relocs[3].import, cases[i].import);
		CHECK_EQ(patch->relocs[3].addend, 0x20);
	}
}

/* The end is rounded down: a page that holds .data as well stays writable. */
TEST(relro_is_rounded)
{
	static const struct {
		uint64_t size, end;
	} cases[] = { { 0x1800, 0x3000 }, { 0xfff, 0 }, { 0, 0 } };

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		owned(patch_file_free_p) struct patch_file *patch = NULL;

		CHECK_EQ(parse_edited(PHDR_FIELD(PH_RELRO, p_memsz), 8,
				      cases[i].size, &patch, NULL),
			 0);
		CHECK_EQ(patch->relro_end, cases[i].end);
		CHECK(patch->relro_start <= patch->relro_end);
	}
}

#define EHDR(member)                                                           \
	offsetof(Elf64_Ehdr, member), sizeof(((Elf64_Ehdr *)0)->member)
#define PHDR(index, member)                                                    \
	PHDR_FIELD(index, member), sizeof(((Elf64_Phdr *)0)->member)
#define SHDR(index, member)                                                    \
	SHDR_FIELD(index, member), sizeof(((Elf64_Shdr *)0)->member)
#define SYM(index, member)                                                     \
	SYM_FIELD(index, member), sizeof(((Elf64_Sym *)0)->member)
#define RELA(table, index, member) RELA_FIELD(table, index, member), 8
#define DYN(index, member) DYN_FIELD(index, member), 8

/* An edit of the sample and what is said of it. */
struct edit {
	size_t offset, size;
	uint64_t value;
	const char *message;
};

static void check_edits(const struct edit *edits, size_t nr, int want,
			const char *code)
{
	for (size_t i = 0; i < nr; i++) {
		const struct edit *edit = &edits[i];
		owned(patch_file_free_p) struct patch_file *patch = NULL;
		struct hf_diag diag = { 0 };
		int r = parse_edited(edit->offset, edit->size, edit->value,
				     &patch, &diag);

		if (r != want || strcmp(diag.code, code) || patch ||
		    !strstr(diag.message, edit->message))
			TAP_FAIL("\"%s\" (%zu): %d %s, %s", edit->message, i, r,
				 diag.code, diag.message);
	}
}

TEST(damaged_headers)
{
	static const struct edit edits[] = {
		{ EHDR(e_type), ET_EXEC, "not a shared object" },
		{ EHDR(e_phoff), 0x7fffffff, "program headers" },
		{ EHDR(e_phoff), UINT64_MAX, "program headers" },
		{ EHDR(e_phnum), 0, "program headers" },
		{ EHDR(e_phnum), 65535, "program headers" },
		{ EHDR(e_phentsize), 1, "program headers" },
		{ EHDR(e_shoff), UINT64_MAX - 8, "section headers" },
		{ EHDR(e_shnum), 0, "section headers" },
		{ EHDR(e_shnum), 65535, "section headers" },
		{ EHDR(e_shentsize), 0, "section headers" },
		{ EHDR(e_shstrndx), NR_SHDRS, "section headers" },
		{ 0, 1, 0x7e, "not a 64-bit ELF file" },
		{ EI_CLASS, 1, ELFCLASS32, "not a 64-bit ELF file" },
		{ EI_DATA, 1, ELFDATA2MSB, "not a 64-bit ELF file" },
	};

	check_edits(edits, ARRAY_SIZE(edits), -EBADMSG, "patch-malformed");
}

TEST(damaged_segments)
{
	static const struct edit edits[] = {
		{ PHDR(0, p_vaddr), 0x1000, "not linked at address 0" },
		{ PHDR(0, p_filesz), 0x801, "reaches beyond" },
		{ PHDR(PH_TEXT, p_offset), 0x100000, "reaches beyond" },
		{ PHDR(PH_TEXT, p_offset), UINT64_MAX, "reaches beyond" },
		{ PHDR(PH_TEXT, p_flags), PF_R | PF_W | PF_X,
		  "both writable and executable" },
		{ PHDR(PH_TEXT, p_vaddr), 0, "overlap" },
		{ PHDR(PH_TEXT, p_vaddr), 0x2fff, "overlap" },
		{ PHDR(PH_TEXT, p_memsz), 0x1001, "overlap" },
		{ PHDR(PH_DATA, p_vaddr), 0x1f00, "overlap" },
		{ PHDR(PH_DATA, p_memsz), PATCH_IMAGE_SIZE_MAX, "64 MiB" },
		{ PHDR(PH_DATA, p_memsz), UINT64_MAX, "64 MiB" },
		{ PHDR(PH_DATA, p_vaddr), UINT64_MAX - 0xfff, "64 MiB" },
		{ PHDR(PH_RELRO, p_vaddr), 0x1000, "PT_GNU_RELRO" },
		{ PHDR(PH_RELRO, p_vaddr), UINT64_MAX, "PT_GNU_RELRO" },
		{ PHDR(PH_RELRO, p_memsz), 0x3000, "PT_GNU_RELRO" },
		{ PHDR(PH_RELRO, p_memsz), UINT64_MAX - 0x1fff,
		  "PT_GNU_RELRO" },
	};

	check_edits(edits, ARRAY_SIZE(edits), -EBADMSG, "patch-malformed");
}

TEST(damaged_dynamic_section)
{
	static const struct edit edits[] = {
		{ PHDR(PH_DYNAMIC, p_type), PT_NULL, "dynamic section" },
		{ PHDR(PH_DYNAMIC, p_offset), UINT64_MAX, "dynamic section" },
		{ PHDR(PH_DYNAMIC, p_filesz), 0x80, "has no end" },
		{ PHDR(PH_DYNAMIC, p_filesz), 7, "has no end" },
		{ DYN(2, d_un), 0x780000000, ".rela.dyn is damaged" },
		{ DYN(2, d_un), 0x3700, ".rela.dyn is damaged" }, /* .bss */
		{ DYN(3, d_un), UINT64_MAX, ".rela.dyn is damaged" },
		{ DYN(3, d_un), 71, ".rela.dyn is damaged" },
		{ DYN(6, d_un), 0x10000, ".rela.plt is damaged" },
	};

	check_edits(edits, ARRAY_SIZE(edits), -EBADMSG, "patch-malformed");
}

TEST(damaged_note)
{
	static const struct edit edits[] = {
		{ SHDR(SH_NOTE_HOTFIX, sh_name), 0, "it has no manifest" },
		{ SHDR(SH_NOTE_HOTFIX, sh_name), UINT32_MAX, "no manifest" },
		{ SHDR(SH_NOTE_HOTFIX, sh_type), SHT_PROGBITS, "no manifest" },
		{ SHDR(SH_NAMES, sh_offset), UINT64_MAX, "no manifest" },
		{ SHDR(SH_NOTE_HOTFIX, sh_offset), UINT64_MAX, "reaches" },
		{ SHDR(SH_NOTE_HOTFIX, sh_size), UINT64_MAX, "reaches" },
		{ SHDR(SH_NOTE_HOTFIX, sh_size), 18, "too short" },
		{ SHDR(SH_NOTE_HOTFIX, sh_size), 19, "cut short" },
		{ SHDR(SH_NOTE_HOTFIX, sh_size), 40, "cut short" },
		{ SAMPLE_NOTE, 4, 6, "another note" },
		{ SAMPLE_NOTE, 4, UINT32_MAX, "another note" },
		{ SAMPLE_NOTE + 4, 4, UINT32_MAX, "cut short" },
		{ SAMPLE_NOTE + 8, 4, 2, "another note" },
		{ SAMPLE_NOTE + 12, 1, 'x', "another note" },
		{ SAMPLE_JSON, 1, 'x', "the manifest is malformed: line 1" },
	};

	check_edits(edits, ARRAY_SIZE(edits), -EBADMSG, "patch-malformed");
}

/* "A patch whose symbols are gone." */
TEST(damaged_symbols)
{
	static const struct edit edits[] = {
		{ SHDR(SH_DYNSYM, sh_type), SHT_PROGBITS, "symbols (.dynsym)" },
		{ SHDR(SH_DYNSYM, sh_size), UINT64_MAX, "reaches beyond" },
		{ SHDR(SH_DYNSYM, sh_entsize), 0, "symbols (.dynsym)" },
		{ SHDR(SH_DYNSYM, sh_link), NR_SHDRS, "symbols (.dynsym)" },
		{ SHDR(SH_DYNSYM, sh_link), SH_TEXT, "names of its symbols" },
		{ SHDR(SH_DYNSYM, sh_size), 24, "names symbol 5 of 1" },
		{ SHDR(SH_DYNSTR, sh_size), 0, "names of its symbols" },
		{ SHDR(SH_DYNSTR, sh_size), 48, "names of its symbols" },
		{ SHDR(SH_DYNSTR, sh_offset), UINT64_MAX, "names of its" },
		{ SYM(SYM_CHECK_CARD, st_name), 49, "symbol 1 has no name" },
		{ SHDR(SH_TEXT, sh_type), SHT_DYNSYM, "two sections" },
		{ SHDR(SH_RELA_HOTFIX, sh_type), SHT_PROGBITS, "stripped?" },
		{ SHDR(SH_RELA_HOTFIX, sh_link), SH_DYNSTR, "has lost its symbols" },
		{ SHDR(SH_RELA_HOTFIX, sh_entsize), 23, "has lost its symbols" },
		{ SHDR(SH_RELA_HOTFIX, sh_size), 143, ".rela.hotfix is dam" },
		{ SHDR(SH_RELA_HOTFIX, sh_size), 1 << 20, "reaches beyond" },
	};

	check_edits(edits, ARRAY_SIZE(edits), -EBADMSG, "patch-malformed");
}

#define INFO(symbol, type) ELF64_R_INFO((uint64_t)(symbol), type)

TEST(damaged_relocations)
{
	static const struct edit edits[] = {
		{ RELA(SAMPLE_RELA_DYN, 0, r_offset), 0x37f9, "outside" },
		{ RELA(SAMPLE_RELA_DYN, 0, r_offset), 0x1ffc, "outside" },
		{ RELA(SAMPLE_RELA_DYN, 0, r_offset), UINT64_MAX - 3,
		  "outside" },
		{ RELA(SAMPLE_RELA_DYN, 0, r_offset), 0x1000, "change code" },
		{ RELA(SAMPLE_RELA_DYN, 0, r_offset), 0x500, "read-only data" },
		{ RELA(SAMPLE_RELA_DYN, 0, r_info),
		  INFO(SYM_TABLE, R_X86_64_RELATIVE), "has a symbol" },
		{ RELA(SAMPLE_RELA_DYN, 1, r_info), INFO(0, R_X86_64_64),
		  "has no symbol" },
		{ RELA(SAMPLE_RELA_DYN, 1, r_info),
		  INFO(NR_SYMS, R_X86_64_64), "names symbol 7 of 7" },
		{ RELA(SAMPLE_RELA_DYN, 1, r_info),
		  INFO(UINT32_MAX, R_X86_64_64), "names symbol" },
		{ RELA(SAMPLE_RELA_DYN, 1, r_info),
		  INFO(SYM_CHECK_CARD, R_X86_64_64), "not in .rela.hotfix" },
		{ SYM(SYM_TABLE, st_shndx), SHN_ABS, "outside the patch" },
		{ SYM(SYM_TABLE, st_value), 0x4001, "outside the patch" },
		/* Code may be relocated, but only as compilers do it. */
		{ RELA(SAMPLE_HOTFIX, 0, r_offset), 0x1058, "" },
		{ RELA(SAMPLE_HOTFIX, 2, r_offset), 0x1010, "change code" },
		{ RELA(SAMPLE_HOTFIX, 1, r_offset), 0x105d, "outside" },
		{ RELA(SAMPLE_HOTFIX, 0, r_info), INFO(0, R_X86_64_64),
		  "has no symbol" },
		{ RELA(SAMPLE_HOTFIX, 0, r_info), INFO(0, R_X86_64_PC32),
		  "has no symbol" },
		/* Only .rela.hotfix counts from the patch. */
		{ RELA(SAMPLE_RELA_DYN, 1, r_info), INFO(0, R_X86_64_32),
		  "has no symbol" },
		{ RELA(SAMPLE_HOTFIX, 0, r_info),
		  INFO(SYM_CHECK_CARD, R_X86_64_TPOFF32), "but not in both" },
		{ RELA(SAMPLE_HOTFIX, 0, r_info),
		  INFO(SYM_NOBODY, R_X86_64_64), "no import for it" },
		{ RELA(SAMPLE_HOTFIX, 0, r_info),
		  INFO(SYM_DEPTH, R_X86_64_64), "but not in both" },
		{ RELA(SAMPLE_HOTFIX, 2, r_info),
		  INFO(SYM_CHECK_CARD, R_X86_64_TPOFF64), "but not in both" },
	};
	owned(patch_file_free_p) struct patch_file *patch = NULL;

	for (size_t i = 0; i < ARRAY_SIZE(edits); i++)
		if (*edits[i].message)
			check_edits(&edits[i], 1, -EBADMSG, "patch-malformed");
		else
			CHECK_EQ(parse_edited(edits[i].offset, 8,
					      edits[i].value, &patch, NULL),
				 0);
}

TEST(needs_a_dynamic_loader)
{
	static const struct edit edits[] = {
		{ PHDR(PH_STACK, p_type), PT_TLS, "thread-local variables" },
		{ PHDR(PH_STACK, p_type), PT_INTERP, "a dynamic loader" },
		{ PHDR(PH_STACK, p_flags), PF_R | PF_W | PF_X, "stack" },
		{ DYN(0, d_tag), DT_NEEDED, "DT_NEEDED" },
		{ DYN(0, d_tag), DT_INIT, "a constructor" },
		{ DYN(0, d_tag), DT_FINI, "a destructor" },
		{ DYN(0, d_tag), DT_INIT_ARRAY, "constructors" },
		{ DYN(0, d_tag), DT_FINI_ARRAY, "destructors" },
		{ DYN(0, d_tag), DT_PREINIT_ARRAY, "constructors" },
		{ DYN(0, d_tag), DT_TEXTREL, "DT_TEXTREL" },
		{ DYN(0, d_tag), DT_REL, "type REL" },
		{ DYN(0, d_tag), DT_RELR, "DT_RELR" },
		{ DYN(7, d_un), DF_TEXTREL, "DF_TEXTREL" },
		{ RELA(SAMPLE_RELA_DYN, 0, r_info),
		  INFO(0, R_X86_64_IRELATIVE), ".rela.dyn[0]: it has a reloc" },
		{ RELA(SAMPLE_RELA_DYN, 0, r_info), INFO(0, R_X86_64_DTPMOD64),
		  "thread-local variables of its own" },
		{ RELA(SAMPLE_RELA_DYN, 1, r_info),
		  INFO(SYM_TABLE, R_X86_64_TPOFF64),
		  "thread-local variables of its own" },
		{ RELA(SAMPLE_RELA_DYN, 1, r_info),
		  INFO(SYM_TABLE, R_X86_64_COPY), "R_X86_64_COPY" },
		{ SYM(SYM_TABLE, st_info),
		  ELF64_ST_INFO(STB_GLOBAL, STT_GNU_IFUNC), "an IFUNC" },
	};

	check_edits(edits, ARRAY_SIZE(edits), -ECANCELED, "patch-unsupported");
}

TEST(other_machines)
{
	static const struct edit edit = { EHDR(e_machine), EM_S390,
					  "ELF machine 22" };

	check_edits(&edit, 1, -ECANCELED, "machine-unknown");
}

/* Edits of the manifest that keep its length. */
static int parse_manifest_edited(const char *old, const char *new,
				 struct hf_diag *diag)
{
	owned(buffer_release) struct buffer file = sample_patch();
	owned(patch_file_free_p) struct patch_file *patch = NULL;
	uint8_t *at = memmem(file.data, file.size, old, strlen(old));

	if (!at || strlen(old) != strlen(new))
		return 0;
	memcpy(at, new, strlen(new));
	return parse(&file, file.size, &patch, diag);
}

TEST(manifest_and_code_disagree)
{
	static const struct {
		const char *old, *new, *message;
	} cases[] = {
		{ "\"machine\": 62", "\"machine\": 63", "another machine (63)" },
		{ "\"0x1040\"", "\"0x1051\"",
		  "replacement is_open_fixed is missing" },
		{ "\"0x1040\"", "\"0x2040\"",
		  "replacement is_open_fixed is missing" },
		{ "\"0x1000\"", "\"0x0fff\"", "replacement charge is missing" },
		{ "\"0x1050\"", "\"0x1060\"", "hook may_apply is missing" },
		{ "\"symbol\": \"memcpy\"", "\"symbol\": \"memcpx\"",
		  ".rela.hotfix[1]: symbol memcpy is undefined" },
		{ "\"symbol\": \"last_error\"", "\"symbol\": \"check_card\"",
		  "two imports for check_card" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct hf_diag diag = { 0 };

		CHECK_EQ(parse_manifest_edited(cases[i].old, cases[i].new,
					       &diag),
			 -EBADMSG);
		CHECK_STR(diag.code, "patch-malformed");
		CHECK_CONTAINS(diag.message, cases[i].message);
	}
}

TEST(newer_schema)
{
	struct hf_diag diag;

	CHECK_EQ(parse_manifest_edited("\"schema\": 1", "\"schema\": 2", &diag),
		 -ECANCELED);
	CHECK_STR(diag.code, "patch-too-new");
	CHECK_CONTAINS(diag.message, "fix.hotfix.so: ");
}

/* --- parts --- */

static void replace_text(struct buffer *file, const char *old, const char *new)
{
	uint8_t *at = memmem(file->data, file->size, old, strlen(old));

	if (!at)
		abort();
	memcpy(at, new, strlen(new));
}

/*
 * @file with each of @parts in a note of section @name: behind its end come the notes, then the
 * section names and the section headers with one more.
 */
static struct buffer with_notes(const struct buffer *file,
				const struct buffer *parts, size_t nr,
				const char *name, uint32_t type)
{
	struct buffer whole = { calloc(16, SAMPLE_CAPACITY), 0 };
	Elf64_Shdr sections[NR_SHDRS + 1] = { 0 };
	Elf64_Shdr *note = &sections[NR_SHDRS], *names = &sections[SH_NAMES];
	Elf64_Ehdr header;

	memcpy(whole.data, file->data, file->size);
	memcpy(&header, file->data, sizeof(header));
	memcpy(sections, file->data + header.e_shoff, NR_SHDRS * sizeof(*note));
	whole.size = align_up(file->size, 8);
	*note = (Elf64_Shdr){ (Elf64_Word)names->sh_size, SHT_NOTE, 0, 0,
			      whole.size, 0, 0, 0, 4, 0 };
	for (size_t i = 0; i < nr; i++) {
		const Elf64_Nhdr one = { sizeof("hotfix"),
					 (Elf64_Word)parts[i].size, type };

		SAMPLE_PUT(whole.data, whole.size, one);
		memcpy(whole.data + whole.size + sizeof(one), "hotfix", 7);
		memcpy(whole.data + whole.size + sizeof(one) + 8, parts[i].data,
		       parts[i].size);
		whole.size += sizeof(one) + 8 + align_up(parts[i].size, 4);
	}
	note->sh_size = whole.size - note->sh_offset;
	memcpy(whole.data + whole.size, whole.data + names->sh_offset,
	       names->sh_size);
	memcpy(whole.data + whole.size + names->sh_size, name, strlen(name) + 1);
	names->sh_offset = whole.size;
	names->sh_size += strlen(name) + 1;
	header.e_shoff = align_up(whole.size + names->sh_size, 8);
	header.e_shnum = NR_SHDRS + 1;
	SAMPLE_PUT(whole.data, header.e_shoff, sections);
	SAMPLE_PUT(whole.data, 0, header);
	whole.size = header.e_shoff + sizeof(sections);
	return whole;
}

static struct buffer with_parts(const struct buffer *file,
				const struct buffer *parts, size_t nr)
{
	return with_notes(file, parts, nr, ".note.hotfix.parts", 2);
}

/* The sample for another module. */
static struct buffer sample_part(void)
{
	struct buffer part = sample_patch();

	replace_text(&part, "deadbeef", "0badcafe");
	return part;
}

TEST(parts)
{
	owned(buffer_release) struct buffer file = sample_patch();
	owned(buffer_release) struct buffer part = sample_part();
	owned(buffer_release) struct buffer both = with_parts(&file, &part, 1);
	owned(patch_file_free_p) struct patch_file *patch = NULL;
	const struct build_id id = { 4, { 0x0b, 0xad, 0xca, 0xfe } };
	const struct build_id unknown = { 4, { 1 } };
	uint8_t digest[SHA256_SIZE];
	struct hf_diag diag = { 0 };

	parse(&both, both.size, &patch, &diag);
	CHECK_STR(diag.message, "");
	CHECK_EQ(patch_nr_parts(patch), 2);
	CHECK(patch_part(patch, 0) == patch);
	CHECK(patch_part_for(patch, &id) == patch_part(patch, 1));
	CHECK(!patch_part_for(patch, &unknown));
	sha256(part.data, part.size, digest);
	CHECK_BYTES(patch_part(patch, 1)->digest, digest, SHA256_SIZE);
	CHECK_EQ(patch_part(patch, 1)->nr_segments, 3);
}

static void check_parts(const struct buffer *part, size_t nr, size_t cut,
			const char *message)
{
	owned(buffer_release) struct buffer file = sample_patch();
	const struct buffer parts[2] = { *part, *part };
	owned(buffer_release) struct buffer whole =
		with_parts(&file, parts, nr);
	struct patch_file *patch = NULL;
	struct hf_diag diag = { 0 };
	Elf64_Ehdr header;
	Elf64_Shdr note;
	size_t at;

	memcpy(&header, whole.data, sizeof(header));
	at = header.e_shoff + NR_SHDRS * sizeof(note);
	memcpy(&note, whole.data + at, sizeof(note));
	note.sh_size -= cut;
	SAMPLE_PUT(whole.data, at, note);
	CHECK_EQ(parse(&whole, whole.size, &patch, &diag), -EBADMSG);
	CHECK_CONTAINS(diag.message, message);
}

TEST(damaged_parts)
{
	owned(buffer_release) struct buffer same = sample_patch();
	owned(buffer_release) struct buffer good = sample_part();
	owned(buffer_release) struct buffer other_name = sample_part();
	owned(buffer_release) struct buffer bad = sample_part();
	owned(buffer_release) struct buffer nested =
		with_parts(&good, &same, 1);

	replace_text(&other_name, "CVE-2026-1234", "CVE-2026-1235");
	bad.data[SAMPLE_JSON] = 'x';
	check_parts(&same, 1, 0, "two parts are for checkout");
	check_parts(&good, 2, 0, "two parts are for checkout");
	check_parts(&other_name, 1, 0, "a part is called CVE-2026-1235");
	check_parts(&nested, 1, 0, "part 1: a part has parts itself");
	check_parts(&bad, 1, 0, "part 1: the manifest is malformed");
	check_parts(&good, 1, 4, ".note.hotfix.parts is damaged");
	check_parts(&good, 1, good.size, ".note.hotfix.parts is damaged");
}

/* What it was written as. */
static uint8_t a_diff[] = "\1\0\0\0\x09\0\0\0fix.diff\0+one\n";
static uint8_t a_source[] = "\2\0\0\0\4\0\0\0fix.c\0int";
static uint8_t no_text[] = "\3\0\0\0\4\0\0\0fix.c\0int";

static int parse_texts(const struct buffer *texts, size_t nr, uint32_t type,
		       struct patch_file **ret_patch, struct hf_diag *diag)
{
	owned(buffer_release) struct buffer file = sample_patch();
	owned(buffer_release) struct buffer whole = with_notes(
		&file, texts, nr, ".note.hotfix.source", type);

	return parse(&whole, whole.size, ret_patch, diag);
}

TEST(texts)
{
	const struct buffer texts[] = { { a_diff, sizeof(a_diff) - 1 },
					{ a_source, sizeof(a_source) } };
	owned(patch_file_free_p) struct patch_file *patch = NULL;
	struct hf_diag diag = { 0 };

	parse_texts(texts, 2, 3, &patch, &diag);
	CHECK_STR(diag.message, "");
	CHECK_EQ(patch->nr_texts, 2);
	CHECK_EQ(patch->texts[0].kind, PATCH_TEXT_DIFF);
	CHECK_STR(patch->texts[0].name, "fix.diff");
	CHECK_EQ(patch->texts[0].size, 5);
	CHECK_BYTES(patch->texts[0].text, "+one\n", 5);
	CHECK_EQ(patch->texts[0].whole_size, 9);
	CHECK_EQ(patch->texts[1].kind, PATCH_TEXT_SOURCE);
	CHECK_STR(patch->texts[1].text, "int");
}

TEST(damaged_texts)
{
	const struct buffer bad = { no_text, sizeof(no_text) };
	const struct buffer good = { a_diff, sizeof(a_diff) - 1 };
	static struct buffer many[PATCH_TEXTS_MAX + 1];
	struct patch_file *patch = NULL;
	struct hf_diag diag = { 0 };

	CHECK_EQ(parse_texts(&bad, 1, 3, &patch, &diag), -EBADMSG);
	CHECK_CONTAINS(diag.message, ".note.hotfix.source is damaged");
	CHECK_EQ(parse_texts(&good, 1, 2, &patch, &diag), -EBADMSG);
	for (size_t i = 0; i < PATCH_TEXTS_MAX + 1; i++)
		many[i] = good;
	CHECK_EQ(parse_texts(many, PATCH_TEXTS_MAX + 1, 3, &patch, &diag),
		 -EBADMSG);
	patch = NULL;
	CHECK_EQ(parse_texts(many, PATCH_TEXTS_MAX, 3, &patch, &diag), 0);
	patch_file_free(patch);
}

/* The note stands last: wherever the file ends early, something is missing. */
TEST(cut_anywhere)
{
	owned(buffer_release) struct buffer file = sample_patch();
	struct patch_file *patch = NULL;
	struct hf_diag diag;

	for (size_t size = 0; size < file.size; size += 7) {
		CHECK_EQ(parse(&file, size, &patch, &diag), -EBADMSG);
		CHECK_CONTAINS(diag.hint, "copy it again");
	}
	CHECK_EQ(parse(&file, file.size - 1, &patch, &diag), -EBADMSG);
}

/* On failure the bytes stay the caller's; on success they are the patch's. */
TEST(ownership)
{
	struct buffer file = sample_patch();
	owned(patch_file_free_p) struct patch_file *patch = NULL;
	uint8_t *data = file.data;

	file.data[0] ^= 1;
	CHECK(patch_file_parse(&file, "x", &patch, NULL) < 0);
	CHECK(file.data == data);
	file.data[0] ^= 1;
	CHECK_EQ(patch_file_parse(&file, "x", &patch, NULL), 0);
	CHECK(!file.data);
	CHECK(patch->bytes.data == data);
}

TEST(files)
{
	owned(buffer_release) struct buffer file = sample_patch();
	owned(patch_file_free_p) struct patch_file *patch = NULL;
	struct hf_diag diag;
	char path[64];
	owned(close_p) int fd = memfd_create("patch", MFD_CLOEXEC);

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	CHECK_EQ(write_full_at(fd, file.data, file.size, 0), 0);
	CHECK_EQ(patch_file_open(path, &patch, &diag), 0);
	CHECK_STR(patch->path, path);
	CHECK_EQ(patch_file_open("/nonexistent", &patch, &diag), -ENOENT);
	CHECK_CONTAINS(diag.message, "cannot open /nonexistent");
}

int main(int argc, char **argv)
{
	return tap_main(argc, argv);
}
