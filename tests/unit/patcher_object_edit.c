/* Objects that are changed: symbols, sections, relocations. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "../../lib/cleanup.h"
#include "../../patcher/diff/object_edit.h"
#include "../tap.h"

/* A small object, laid out as a struct. */
struct sample {
	Elf64_Ehdr header;
	uint8_t text[16];
	Elf64_Rela relas[2];
	Elf64_Sym symbols[5];
	char strings[32];
	char names[56];
	Elf64_Shdr sections[6];
};

enum { TEXT = 1, RELA, SYMTAB, STRTAB, NAMES, NR_SECTIONS };
enum { LOCAL = 1, OTHER, GLOBAL, UNDEFINED, NR_SYMBOLS };

#define AT(member) offsetof(struct sample, member)
#define SYMBOL(name, binding, type, section, value)                            \
	{                                                                      \
		name, ELF64_ST_INFO(binding, type), 0, section, value, 0       \
	}

static struct sample make_sample(bool one_table)
{
	struct sample sample = {
		.header = { .e_ident = { ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3,
					 ELFCLASS64, ELFDATA2LSB, EV_CURRENT },
			    .e_type = ET_REL, .e_machine = EM_X86_64,
			    .e_shoff = AT(sections),
			    .e_shentsize = sizeof(Elf64_Shdr),
			    .e_shnum = NR_SECTIONS,
			    .e_shstrndx = one_table ? STRTAB : NAMES },
		.relas = { { 1, ELF64_R_INFO(GLOBAL, R_X86_64_PC32), -4 },
			   { 6, ELF64_R_INFO(UNDEFINED, R_X86_64_PLT32), -4 } },
		.symbols = { { 0 },
			     SYMBOL(1, STB_LOCAL, STT_FUNC, TEXT, 0),
			     SYMBOL(7, STB_LOCAL, STT_FUNC, TEXT, 4),
			     SYMBOL(13, STB_GLOBAL, STT_FUNC, TEXT, 8),
			     SYMBOL(20, STB_GLOBAL, STT_NOTYPE, SHN_UNDEF, 0) },
		.strings = "\0local\0other\0global\0undefined",
		.names = "\0.text\0.rela.text\0.symtab\0.strtab\0.shstrtab",
	};
	const Elf64_Shdr sections[NR_SECTIONS] = {
		[TEXT] = { 1, SHT_PROGBITS, SHF_ALLOC | SHF_EXECINSTR, 0,
			   AT(text), 16, 0, 0, 16, 0 },
		[RELA] = { 7, SHT_RELA, SHF_INFO_LINK, 0, AT(relas), 48, SYMTAB,
			   TEXT, 8, 24 },
		[SYMTAB] = { 18, SHT_SYMTAB, 0, 0, AT(symbols), 120, STRTAB, 3,
			     8, 24 },
		[STRTAB] = { 26, SHT_STRTAB, 0, 0, AT(strings), 32, 0, 0, 1,
			     0 },
		[NAMES] = { 34, SHT_STRTAB, 0, 0, AT(names), 56, 0, 0, 1, 0 },
	};

	memcpy(sample.sections, sections, sizeof(sections));
	return sample;
}

static char path[] = "/tmp/hotfix-edit.XXXXXX";

static struct elf_file *open_sample(bool one_table)
{
	struct sample sample = make_sample(one_table);
	struct elf_file *file = NULL;
	int fd;

	strcpy(path + sizeof(path) - 7, "XXXXXX");
	fd = mkstemp(path);
	if (fd < 0 || write(fd, &sample, sizeof(sample)) != sizeof(sample) ||
	    elf_open(path, &file, NULL))
		abort();
	close(fd);
	return file;
}

static struct elf_file *saved(struct object_edit *edit)
{
	struct elf_file *file = NULL;

	if (edit_save(edit, path, NULL) || elf_open(path, &file, NULL))
		abort();
	unlink(path);
	return file;
}

static size_t find(const struct elf_file *file, const char *name)
{
	struct elf_symbols symbols = elf_symbols(file, SHT_SYMTAB);

	for (size_t i = 1; i < symbols.nr; i++)
		if (!strcmp(elf_symbol_name(file, &symbols, i), name))
			return i;
	return 0;
}

static Elf64_Rela relocation(const struct elf_file *file, size_t index)
{
	return ((Elf64_Rela *)(void *)elf_section_data(
		file, &file->sections[RELA]))[index];
}

/* Local symbols first, and every relocation still names what it named. */
static void check_numbers(bool one_table)
{
	owned(elf_close_p) struct elf_file *file = open_sample(one_table);
	owned(elf_close_p) struct elf_file *after = NULL;
	const Elf64_Sym local = { .st_info = ELF64_ST_INFO(STB_LOCAL, 0),
				  .st_shndx = TEXT };
	const Elf64_Sym global = { .st_info = ELF64_ST_INFO(STB_GLOBAL, 0) };
	struct object_edit edit;
	size_t added, imported, section;

	CHECK_EQ(edit_open(file, &edit, NULL), 0);
	CHECK_EQ(edit_add_symbol(&edit, "import", &global, &imported), 0);
	CHECK_EQ(edit_add_symbol(&edit, "marker", &local, &added), 0);
	CHECK_EQ(edit_section_symbol(&edit, TEXT, &section), 0);
	CHECK_EQ(edit_rename(&edit, GLOBAL, "renamed"), 0);
	edit.symbols[OTHER].dropped = true;
	edit_relocations(&edit, TEXT, &section)[1].r_info =
		ELF64_R_INFO(imported, R_X86_64_PLT32);
	after = saved(&edit);
	edit_release(&edit);

	CHECK_EQ(elf_symbols(after, SHT_SYMTAB).nr, 7);
	CHECK_EQ(after->sections[SYMTAB].sh_info, 4);
	CHECK(find(after, "local") < 4 && find(after, "marker") < 4);
	CHECK(find(after, "renamed") >= 4 && find(after, "import") >= 4);
	CHECK_EQ(find(after, "other"), 0);
	CHECK_EQ(find(after, "global"), 0);
	CHECK_EQ(ELF64_R_SYM(relocation(after, 0).r_info),
		 find(after, "renamed"));
	CHECK_EQ(ELF64_R_SYM(relocation(after, 1).r_info),
		 find(after, "import"));
	/* What was read is as it was. */
	CHECK_EQ(ELF64_R_SYM(relocation(file, 1).r_info), UNDEFINED);
	CHECK_EQ(file->header->e_shoff, AT(sections));
}

TEST(numbers)
{
	check_numbers(false);
}

/* clang keeps the names of symbols and sections in one table. */
TEST(one_string_table)
{
	check_numbers(true);
}

static void check_new_section(bool one_table)
{
	owned(elf_close_p) struct elf_file *file = open_sample(one_table);
	owned(elf_close_p) struct elf_file *after = NULL;
	const Elf64_Shdr header = { .sh_type = SHT_PROGBITS,
				    .sh_flags = SHF_ALLOC,
				    .sh_addralign = 1 };
	struct object_edit edit;
	const Elf64_Shdr *section;
	size_t index;
	uint64_t at;

	CHECK_EQ(edit_open(file, &edit, NULL), 0);
	CHECK_EQ(edit_add_section(&edit, ".rodata.new", &header, &index), 0);
	CHECK_EQ(edit_append(&edit, index, "abc", 4, 1, &at), 0);
	CHECK_EQ(at, 0);
	CHECK_EQ(edit_append(&edit, index, NULL, 3, 16, &at), 0);
	CHECK_EQ(at, 16);
	after = saved(&edit);
	edit_release(&edit);

	CHECK_EQ(index, NR_SECTIONS);
	section = elf_section(after, ".rodata.new");
	CHECK(section);
	CHECK_EQ(section->sh_size, 19);
	CHECK_EQ(section->sh_addralign, 16);
	CHECK_EQ(section->sh_offset % 16, 0);
	CHECK_STR((char *)elf_section_data(after, section), "abc");
	CHECK_EQ(elf_section_data(after, section)[18], 0);
}

TEST(new_sections)
{
	check_new_section(false);
	check_new_section(true);
}

TEST(excluded)
{
	owned(elf_close_p) struct elf_file *file = open_sample(false);
	owned(elf_close_p) struct elf_file *after = NULL;
	struct object_edit edit;

	CHECK_EQ(edit_open(file, &edit, NULL), 0);
	edit_exclude(&edit, TEXT);
	/* Nothing names them any more. */
	edit.symbols[GLOBAL].dropped = edit.symbols[UNDEFINED].dropped = true;
	after = saved(&edit);
	edit_release(&edit);
	CHECK(after->sections[TEXT].sh_flags & SHF_EXCLUDE);
	CHECK_EQ(after->sections[RELA].sh_size, 0);
	CHECK(!(file->sections[TEXT].sh_flags & SHF_EXCLUDE));
}

TEST(a_lost_symbol_is_noticed)
{
	owned(elf_close_p) struct elf_file *file = open_sample(false);
	struct hf_diag diag = { 0 };
	struct object_edit edit;

	CHECK_EQ(edit_open(file, &edit, NULL), 0);
	edit.symbols[GLOBAL].dropped = true;
	CHECK_EQ(edit_save(&edit, path, &diag), -EINVAL);
	CHECK_STR(diag.code, "object-edit");
	CHECK(strstr(diag.message, ".rela.text") &&
	      strstr(diag.message, "global"));
	edit_release(&edit);
	unlink(path);
}

TEST(damaged)
{
	static const struct {
		size_t section;
		Elf64_Word type;
	} cases[] = { { SYMTAB, SHT_PROGBITS },
		      { STRTAB, SHT_PROGBITS },
		      { NAMES, SHT_NOBITS } };

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		owned(elf_close_p) struct elf_file *file = open_sample(false);
		struct object_edit edit;
		struct hf_diag diag = { 0 };

		unlink(path);
		file->sections[cases[i].section].sh_type = cases[i].type;
		CHECK_EQ(edit_open(file, &edit, &diag), -ENOEXEC);
		CHECK_STR(diag.code, "not-elf");
	}
}

int main(int argc, char **argv)
{
	return tap_main(argc, argv);
}
