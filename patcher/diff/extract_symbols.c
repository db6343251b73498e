/*
 * What becomes of an object's own symbols, and of relocations that are no
 * item's: those of debug information and unwind tables.
 *
 * What is kept becomes hidden, so that the linked patch exports nothing; the
 * rest is dropped. Debug information that named a dropped symbol names its
 * section, and where that is left out the linker writes what debuggers
 * understand as "not here". It must never ask for an import.
 */
#include "extract_internal.h"

#include <errno.h>
#include <string.h>

/* ---- symbols ------------------------------------------------------------ */

static bool is_excluded(const struct extract_unit *unit, size_t section)
{
	const Elf64_Shdr *header = edit_section(&unit->edit, section);

	return !header || header->sh_flags & SHF_EXCLUDE;
}

static bool keeps_symbol(const struct extract_unit *unit, size_t index)
{
	const Elf64_Sym *symbol = &unit->edit.symbols[index].symbol;
	const struct item *item =
		unit_item_of_symbol(unit->pair->patched, index);

	if (ELF64_ST_TYPE(symbol->st_info) == STT_FILE ||
	    ELF64_ST_TYPE(symbol->st_info) == STT_SECTION)
		return true;
	if (symbol->st_shndx == SHN_UNDEF)
		return unit->linker_finds[index];
	if (symbol->st_shndx == SHN_ABS)
		return true;
	if (symbol->st_shndx < SHN_LORESERVE &&
	    is_excluded(unit, symbol->st_shndx))
		return false;
	return !item || fate_of(unit, item)->kind == FATE_KEPT;
}

static void hide(Elf64_Sym *symbol)
{
	if (ELF64_ST_BIND(symbol->st_info) != STB_LOCAL &&
	    symbol->st_shndx != SHN_UNDEF)
		symbol->st_other = (unsigned char)((symbol->st_other & ~3) |
						   STV_HIDDEN);
}

static void settle_symbols(struct extract_unit *unit)
{
	for (size_t i = 1; i < unit->pair->patched->symbols.nr; i++) {
		struct edit_symbol *symbol = &unit->edit.symbols[i];

		symbol->dropped = !keeps_symbol(unit, i);
		hide(&symbol->symbol);
	}
}

/* ---- relocations of no item --------------------------------------------- */

static void forget(Elf64_Rela *rela)
{
	*rela = (Elf64_Rela){
		.r_offset = rela->r_offset,
		.r_info = ELF64_R_INFO(0, R_X86_64_NONE),
	};
}

static int release(struct extract_unit *unit, Elf64_Rela *rela)
{
	struct object_edit *edit = &unit->edit;
	size_t index = ELF64_R_SYM(rela->r_info);
	const Elf64_Sym *symbol;
	size_t section;

	if (!index || index >= edit->nr_symbols ||
	    !edit->symbols[index].dropped)
		return 0;
	symbol = &unit->pair->patched->symbols.entries[index];
	if (symbol->st_shndx == SHN_UNDEF ||
	    symbol->st_shndx >= SHN_LORESERVE ||
	    ELF64_ST_TYPE(symbol->st_info) == STT_TLS) {
		forget(rela);
		return 0;
	}
	if (edit_section_symbol(edit, symbol->st_shndx, &section))
		return -ENOMEM;
	rela->r_info = ELF64_R_INFO(section, ELF64_R_TYPE(rela->r_info));
	rela->r_addend = (int64_t)((uint64_t)rela->r_addend + symbol->st_value);
	return 0;
}

/*
 * Of unwind tables only where functions stand is kept. Personalities and tables
 * of handlers are for an unwinder that finds them in a loaded module; the
 * image of a patch is none. Zero stands for "none" there.
 */
static void release_unwind(struct extract_unit *unit, Elf64_Rela *rela)
{
	const struct elf_file *file = unit->pair->patched->file;
	size_t index = ELF64_R_SYM(rela->r_info);
	const Elf64_Sym *symbol =
		index < unit->pair->patched->symbols.nr ?
			&unit->pair->patched->symbols.entries[index] :
			NULL;
	const Elf64_Shdr *section =
		symbol && symbol->st_shndx < SHN_LORESERVE ?
			elf_section_at(file, symbol->st_shndx) :
			NULL;

	if (!section || !(section->sh_flags & SHF_EXECINSTR))
		forget(rela);
}

static bool is_unwind(const struct elf_file *file, const Elf64_Shdr *section)
{
	return section->sh_type == SHT_X86_64_UNWIND ||
	       !strcmp(elf_section_name(file, section), ".eh_frame");
}

static int release_table(struct extract_unit *unit, size_t section)
{
	const struct elf_file *file = unit->pair->patched->file;
	size_t nr;
	Elf64_Rela *relas = edit_relocations(&unit->edit, section, &nr);
	int r = 0;

	for (size_t i = 0; i < nr && !r; i++) {
		if (is_unwind(file, &file->sections[section]))
			release_unwind(unit, &relas[i]);
		r = release(unit, &relas[i]);
	}
	return r;
}

static bool has_items(const struct elf_file *file, const Elf64_Shdr *section)
{
	return section->sh_flags & SHF_ALLOC && !is_unwind(file, section);
}

int extract_symbols(struct extract *extract, struct extract_unit *unit,
		    struct hf_diag *diag)
{
	const struct elf_file *file = unit->pair->patched->file;
	int r = 0;

	(void)extract;
	settle_symbols(unit);
	for (size_t i = 1; i < file->nr_sections && !r; i++)
		if (!has_items(file, &file->sections[i]) &&
		    !is_excluded(unit, i))
			r = release_table(unit, i);
	return r ? hf_fail(diag, r, "cannot extract %s", unit->pair->name) : 0;
}
