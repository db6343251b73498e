#include "emit.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "../lib/patch_file.h"
#include "original.h"
#include "publish.h"
#include "texts.h"

/* ---- where things are --------------------------------------------------- */

static const Elf64_Sym *find_symbol(const struct elf_file *file,
				    const char *name, unsigned char type)
{
	struct elf_symbols symbols = elf_symbols(file, SHT_SYMTAB);

	for (size_t i = 1; i < symbols.nr; i++)
		if (symbols.entries[i].st_shndx != SHN_UNDEF &&
		    ELF64_ST_TYPE(symbols.entries[i].st_info) == type &&
		    !strcmp(elf_symbol_name(file, &symbols, i), name))
			return &symbols.entries[i];
	return NULL;
}

static int locate(const struct elf_file *linked, const char *name,
		  const Elf64_Sym **ret_symbol, struct hf_diag *diag)
{
	*ret_symbol = find_symbol(linked, name, STT_FUNC);
	if (*ret_symbol)
		return 0;
	return hf_error(diag, -EIO, "link-lost-symbol",
			"the linker's result has no function %s", name);
}

int emit_locate(struct build *build, const struct elf_file *linked,
		struct hf_diag *diag)
{
	struct manifest *manifest = build->manifest;
	const Elf64_Sym *symbol;
	int r = 0;

	for (size_t i = 0; i < manifest->nr_functions && !r; i++) {
		struct manifest_function *function = &manifest->functions[i];

		r = locate(linked, function->replacement, &symbol, diag);
		if (r)
			break;
		function->replacement_vaddr = symbol->st_value;
		function->replacement_size = symbol->st_size;
	}
	for (int i = 0; i < NR_HOOKS && !r; i++) {
		struct manifest_hook *hook = &manifest->hooks[i];

		if (!hook->symbol)
			continue;
		r = locate(linked, hook->symbol, &symbol, diag);
		if (!r)
			hook->vaddr = symbol->st_value;
	}
	return r;
}

bool emit_find_entry(const struct elf_file *linked, const char *replacement,
		     const Elf64_Sym **ret_entry, const Elf64_Sym **ret_call)
{
	owned(free_p) char *entry = text_format("hotfix.entry.%s", replacement);
	owned(free_p) char *call = text_format("hotfix.call.%s", replacement);

	if (!entry || !call)
		return false;
	*ret_entry = find_symbol(linked, entry, STT_FUNC);
	*ret_call = find_symbol(linked, call, STT_NOTYPE);
	return *ret_entry && *ret_call;
}

/* ---- relocations -------------------------------------------------------- */

struct relocs {
	Elf64_Rela *entries;
	size_t nr;
};

static int add_reloc(struct relocs *relocs, const Elf64_Rela *reloc)
{
	Elf64_Rela *entry = array_append(relocs->entries, relocs->nr);

	if (!entry)
		return -ENOMEM;
	*entry = *reloc;
	return 0;
}

static int move_from(const struct elf_file *linked, const Elf64_Shdr *section,
		     struct relocs *relocs)
{
	struct elf_symbols symbols = elf_symbols(linked, SHT_DYNSYM);
	Elf64_Rela *entries = (void *)elf_section_data(linked, section);

	for (size_t i = 0; i < elf_section_entries(section, sizeof(*entries));
	     i++) {
		size_t symbol = ELF64_R_SYM(entries[i].r_info);

		if (!symbol || symbol >= symbols.nr ||
		    symbols.entries[symbol].st_shndx != SHN_UNDEF)
			continue;
		if (add_reloc(relocs, &entries[i]))
			return -ENOMEM;
		entries[i] = (Elf64_Rela){
			.r_info = ELF64_R_INFO(0, R_X86_64_NONE),
		};
	}
	return 0;
}

static int move_relocs(const struct elf_file *linked, struct relocs *relocs)
{
	int r = 0;

	for (size_t i = 1; i < linked->nr_sections && !r; i++) {
		const Elf64_Shdr *section = &linked->sections[i];

		if (section->sh_type == SHT_RELA &&
		    section->sh_flags & SHF_ALLOC)
			r = move_from(linked, section, relocs);
	}
	return r;
}

static size_t dynamic_symbol(const struct elf_file *linked, const char *name)
{
	struct elf_symbols symbols = elf_symbols(linked, SHT_DYNSYM);

	for (size_t i = 1; i < symbols.nr; i++)
		if (!strcmp(elf_symbol_name(linked, &symbols, i), name))
			return i;
	return 0;
}

static int add_original(const struct elf_file *linked,
			const struct original_place *place,
			struct relocs *relocs, struct hf_diag *diag)
{
	owned(free_p) char *code = text_format("hotfix.original.%s",
					       place->name);
	owned(free_p) char *resume = text_format("hotfix.resume.%s",
						 place->name);
	const Elf64_Sym *symbol;
	size_t import;

	if (!code || !resume)
		return hf_fail(diag, -ENOMEM, "cannot write relocations");
	symbol = find_symbol(linked, code, STT_FUNC);
	import = dynamic_symbol(linked, resume);
	if (!symbol || !import)
		return hf_error(diag, -EIO, "link-lost-symbol",
				"the linker's result lacks %s or %s", code,
				resume);
	if (add_reloc(relocs,
		      &(Elf64_Rela){
			      .r_offset = symbol->st_value + place->offset,
			      .r_info = ELF64_R_INFO(import, R_X86_64_PC32),
			      .r_addend = place->addend,
		      }))
		return hf_fail(diag, -ENOMEM, "cannot write relocations");
	return 0;
}

/* Any symbol that the file defines. */
static const Elf64_Sym *find_defined(const struct elf_file *file,
				     const char *name)
{
	struct elf_symbols symbols = elf_symbols(file, SHT_SYMTAB);

	for (size_t i = 1; i < symbols.nr; i++)
		if (symbols.entries[i].st_shndx != SHN_UNDEF &&
		    !strcmp(elf_symbol_name(file, &symbols, i), name))
			return &symbols.entries[i];
	return NULL;
}

static int fail_lost(const char *symbol, struct hf_diag *diag)
{
	return hf_error(diag, -EIO, "link-lost-symbol",
			"the linker's result lacks %s", symbol);
}

/* Without an import, the addend is where in the patch it leads to. */
static int add_held(const struct elf_file *linked,
		    const struct held_reloc *held, const Elf64_Sym *place,
		    struct relocs *relocs, struct hf_diag *diag)
{
	Elf64_Rela reloc = { place->st_value + held->offset, held->type,
			     held->addend };
	const Elf64_Sym *to;
	size_t import;

	if (held->import) {
		import = dynamic_symbol(linked, held->import);
		if (!import)
			return fail_lost(held->import, diag);
		reloc.r_info = ELF64_R_INFO(import, held->type);
	} else {
		to = find_defined(linked, held->to);
		if (!to)
			return fail_lost(held->to, diag);
		reloc.r_addend += (int64_t)to->st_value;
	}
	return add_reloc(relocs, &reloc) ?
		       hf_fail(diag, -ENOMEM, "cannot write relocations") :
		       0;
}

static int collect_held(const struct build *build,
			const struct elf_file *linked, struct relocs *relocs,
			struct hf_diag *diag)
{
	const Elf64_Sym *place = NULL;
	const char *name = "";
	int r = 0;

	for (size_t i = 0; i < build->nr_held && !r; i++) {
		const struct held_reloc *held = &build->held[i];

		/* They come place by place. */
		if (strcmp(name, held->place)) {
			name = held->place;
			place = find_defined(linked, name);
		}
		r = place ? add_held(linked, held, place, relocs, diag) :
			    fail_lost(name, diag);
	}
	return r;
}

static int collect_relocs(const struct build *build,
			  const struct elf_file *linked,
			  struct relocs *relocs, struct hf_diag *diag)
{
	owned(free_p) struct original_place *places = NULL;
	size_t nr = 0;
	int r;

	if (move_relocs(linked, relocs))
		return hf_fail(diag, -ENOMEM, "cannot write relocations");
	r = original_places(build, &places, &nr, diag);
	for (size_t i = 0; i < nr && !r; i++)
		r = add_original(linked, &places[i], relocs, diag);
	return r ?: collect_held(build, linked, relocs, diag);
}

/* ---- the appended bytes ------------------------------------------------- */

static int add_note(struct tail *tail, const char *json, Elf64_Shdr *section)
{
	section->sh_type = SHT_NOTE;
	section->sh_addralign = 4;
	section->sh_offset = align_up(tail_end(tail), 4);
	if (tail_add_note(tail, PATCH_NOTE_TYPE, json, strlen(json)))
		return -ENOMEM;
	section->sh_size = tail_end(tail) - section->sh_offset;
	return 0;
}

static int add_relocs(struct tail *tail, const struct elf_file *linked,
		      const struct relocs *relocs, Elf64_Shdr *section)
{
	section->sh_type = SHT_RELA;
	section->sh_addralign = 8;
	section->sh_entsize = sizeof(Elf64_Rela);
	section->sh_link = (Elf64_Word)elf_symbols(linked, SHT_DYNSYM).section;
	section->sh_size = relocs->nr * sizeof(Elf64_Rela);
	return tail_add(tail, relocs->entries, section->sh_size, 8,
			&section->sh_offset);
}

/* What we append: sections, and what they are called. */
enum added_section { ADDED_NOTE, ADDED_RELA, ADDED_TEXTS, NR_ADDED };

static const char *const added_names[NR_ADDED] = {
	[ADDED_NOTE] = ".note.hotfix",
	[ADDED_RELA] = ".rela.hotfix",
	[ADDED_TEXTS] = ".note.hotfix.source",
};

/* The old section names and those of @added. */
static int add_names(struct tail *tail, const struct elf_file *linked,
		     Elf64_Shdr *names, Elf64_Shdr *added, size_t nr_added)
{
	uint64_t unused, start;
	int r;

	r = tail_add(tail, elf_section_data(linked, names), names->sh_size, 1,
		     &start);
	for (size_t i = 0; i < nr_added && !r; i++) {
		size_t size = strlen(added_names[i]) + 1;

		added[i].sh_name = (Elf64_Word)names->sh_size;
		r = tail_add(tail, added_names[i], size, 1, &unused);
		names->sh_size += size;
	}
	names->sh_offset = start;
	return r;
}

static int build_tail(const struct build *build, const struct elf_file *linked,
		      const char *json, const struct relocs *relocs,
		      struct tail *tail, struct hf_diag *diag)
{
	Elf64_Shdr *names =
		elf_section_at(linked, linked->header->e_shstrndx);
	size_t old_size = linked->nr_sections * sizeof(Elf64_Shdr);
	Elf64_Shdr added[NR_ADDED] = { 0 };
	size_t nr_added = NR_ADDED;
	uint64_t start = 0, unused;
	int r;

	if (!names || !elf_section_data(linked, names))
		return hf_fail(diag, -EBADMSG, "cannot write %s",
			       build->options->output);
	r = texts_add(build->options, tail, &added[ADDED_TEXTS], diag);
	if (r)
		return r;
	/* Of a section without a note, readelf complains. */
	if (!added[ADDED_TEXTS].sh_size)
		nr_added = ADDED_TEXTS;
	r = add_note(tail, json, &added[ADDED_NOTE]);
	if (!r)
		r = add_relocs(tail, linked, relocs, &added[ADDED_RELA]);
	if (!r)
		r = add_names(tail, linked, names, added, nr_added);
	if (!r)
		r = tail_add(tail, linked->sections, old_size, 8, &start);
	if (!r)
		r = tail_add(tail, added, nr_added * sizeof(*added), 8,
			     &unused);
	if (r)
		return hf_fail(diag, r, "cannot write %s",
			       build->options->output);
	linked->header->e_shoff = start;
	linked->header->e_shnum = (Elf64_Half)(linked->nr_sections + nr_added);
	return 0;
}

/* ---- all of it ---------------------------------------------------------- */

int emit_patch(const struct build *build, struct elf_file *linked,
	       struct hf_diag *diag)
{
	owned(free_p) char *json = NULL;
	struct relocs relocs = { 0 };
	struct tail tail = { .base = linked->size };
	int r = collect_relocs(build, linked, &relocs, diag);

	if (!r)
		r = manifest_format(build->manifest, &json, diag);
	if (!r)
		r = build_tail(build, linked, json, &relocs, &tail, diag);
	if (!r)
		r = publish_patch(linked, &tail, build->options->output, diag);
	free(relocs.entries);
	free(tail.data);
	return r;
}
