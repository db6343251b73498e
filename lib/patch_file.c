/*
 * A patch file is read like input from an enemy: nothing in it is believed
 * before it is checked, and what a dynamic loader would have to do (and we do
 * not) is refused by name, so that it is never silently left out.
 *
 *   program headers  -> segments, relro, what the loader would have to do
 *   .note.hotfix     -> manifest
 *   DT_RELA, DT_JMPREL, .rela.hotfix + .dynsym -> relocs
 */
#include "patch_file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "build_id.h"
#include "cleanup.h"
#include "digest.h"
#include "elf_view.h"

#define RELOCS_MAX (1u << 20)

DEFINE_CLEANUP(struct patch_file, patch_file_free)

/* What is known while a file is being read. */
struct reader {
	bool is_part; /* of another file */
	struct elf_view view;
	struct patch_file *patch;
	Elf64_Phdr dynamic;
	/* From the dynamic section. */
	uint64_t rela, rela_size, jmprel, jmprel_size;
	/* .dynsym */
	unsigned int symbols_index;
	const uint8_t *symbols;
	size_t nr_symbols;
	const char *strings;
	size_t strings_size;
	/* Imports by symbol, for bsearch(). */
	struct manifest_import **imports;
	struct hf_diag *diag;
};

#define malformed(diag, ...)                                                   \
	hf_error(diag, -EBADMSG, "patch-malformed", __VA_ARGS__)

static int unsupported(struct hf_diag *diag, const char *what, const char *hint)
{
	hf_refuse(diag, "patch-unsupported",
		  "it needs %s, which hotfix cannot give", what);
	hf_hint(diag, "%s", hint);
	return -ECANCELED;
}

/* --- segments --- */

static int protection_of(uint32_t flags)
{
	return (flags & PF_R ? PROT_READ : 0) |
	       (flags & PF_W ? PROT_WRITE : 0) | (flags & PF_X ? PROT_EXEC : 0);
}

static int segment_add(struct reader *reader, const Elf64_Phdr *header)
{
	struct patch_file *patch = reader->patch;

	if (header->p_memsz == 0)
		return 0;
	if (header->p_filesz > header->p_memsz ||
	    !elf_view_at(&reader->view, header->p_offset, header->p_filesz))
		return malformed(
			reader->diag,
			"a segment reaches beyond the end of the file");
	if (header->p_vaddr > PATCH_IMAGE_SIZE_MAX ||
	    header->p_memsz > PATCH_IMAGE_SIZE_MAX - header->p_vaddr)
		return malformed(reader->diag,
				 "a segment takes more than %u MiB of memory",
				 PATCH_IMAGE_SIZE_MAX >> 20);
	/* Protections are per page, so no two may share one. */
	if (align_down(header->p_vaddr, HF_PAGE_SIZE) < patch->image_size)
		return malformed(reader->diag,
				 "its segments overlap or are out of order");
	if (patch->image_size == 0 && header->p_vaddr >= HF_PAGE_SIZE)
		return malformed(reader->diag, "it is not linked at address 0");
	if (header->p_flags & PF_W && header->p_flags & PF_X)
		return malformed(reader->diag,
				 "a segment is both writable and executable");

	patch->segments[patch->nr_segments++] = (struct patch_segment){
		.vaddr = header->p_vaddr,
		.file_offset = header->p_offset,
		.file_size = header->p_filesz,
		.memory_size = header->p_memsz,
		.protection = protection_of(header->p_flags),
	};
	patch->image_size =
		align_up(header->p_vaddr + header->p_memsz, HF_PAGE_SIZE);
	return 0;
}

static int program_header_read(struct reader *reader, const Elf64_Phdr *header)
{
	switch (header->p_type) {
	case PT_LOAD:
		return segment_add(reader, header);
	case PT_DYNAMIC:
		reader->dynamic = *header;
		return 0;
	case PT_TLS:
		return unsupported(
			reader->diag, "thread-local variables of its own",
			"use the program's own thread-local variables "
			"(extern __thread), or plain ones");
	case PT_INTERP:
		return unsupported(reader->diag, "a dynamic loader",
				   "build it with hotfix-build");
	case PT_GNU_STACK:
		if (header->p_flags & PF_X)
			return unsupported(
				reader->diag, "an executable stack",
				"avoid pointers to nested functions");
		return 0;
	default:
		return 0;
	}
}

/* The segment that holds all of [@vaddr, @vaddr + @size), or NULL. */
static const struct patch_segment *segment_at(const struct patch_file *patch,
					      uint64_t vaddr, uint64_t size)
{
	for (size_t i = 0; i < patch->nr_segments; i++) {
		const struct patch_segment *segment = &patch->segments[i];

		if (vaddr >= segment->vaddr &&
		    vaddr - segment->vaddr <= segment->memory_size &&
		    size <= segment->memory_size - (vaddr - segment->vaddr))
			return segment;
	}
	return NULL;
}

/* Rounded as the dynamic loader does, so that no page of .data is caught. */
static int relro_read(struct reader *reader, const Elf64_Phdr *header)
{
	const struct patch_segment *segment =
		segment_at(reader->patch, header->p_vaddr, 1);
	uint64_t start, end;

	if (header->p_memsz == 0)
		return 0;
	if (!segment || !(segment->protection & PROT_WRITE) ||
	    header->p_memsz > PATCH_IMAGE_SIZE_MAX)
		return malformed(reader->diag,
				 "its PT_GNU_RELRO lies outside the data");
	start = align_down(header->p_vaddr, HF_PAGE_SIZE);
	end = align_down(header->p_vaddr + header->p_memsz, HF_PAGE_SIZE);
	if (end > align_up(segment->vaddr + segment->memory_size, HF_PAGE_SIZE))
		return malformed(reader->diag,
				 "its PT_GNU_RELRO lies outside the data");
	if (end <= start)
		return 0;
	reader->patch->relro_start = start;
	reader->patch->relro_end = end;
	return 0;
}

static int segments_read(struct reader *reader)
{
	const unsigned int nr = reader->view.header.e_phnum;

	reader->patch->segments = calloc(nr, sizeof(*reader->patch->segments));
	if (!reader->patch->segments)
		return hf_fail(reader->diag, -ENOMEM, "cannot load the patch");
	for (unsigned int i = 0; i < nr; i++) {
		Elf64_Phdr header = elf_view_segment(&reader->view, i);
		int r = program_header_read(reader, &header);

		if (r < 0)
			return r;
	}
	if (reader->patch->nr_segments == 0)
		return malformed(reader->diag, "it has nothing to load");

	for (unsigned int i = 0; i < nr; i++) {
		Elf64_Phdr header = elf_view_segment(&reader->view, i);
		int r = 0;

		if (header.p_type == PT_GNU_RELRO)
			r = relro_read(reader, &header);
		if (r < 0)
			return r;
	}
	return 0;
}

/* --- the dynamic section --- */

static const struct {
	int64_t tag;
	const char *what;
	const char *hint;
} unsupported_tags[] = {
	{ DT_NEEDED, "a library to be loaded (DT_NEEDED)",
	  "use libraries that the program already has" },
	{ DT_INIT, "a constructor (DT_INIT)", "use HOTFIX_PRE_APPLY" },
	{ DT_FINI, "a destructor (DT_FINI)", "use HOTFIX_POST_REVERT" },
	{ DT_INIT_ARRAY, "constructors", "use HOTFIX_PRE_APPLY" },
	{ DT_FINI_ARRAY, "destructors", "use HOTFIX_POST_REVERT" },
	{ DT_PREINIT_ARRAY, "constructors", "use HOTFIX_PRE_APPLY" },
	{ DT_TEXTREL, "writable code (DT_TEXTREL)", "compile it with -fPIC" },
	{ DT_REL, "relocations of type REL", "build it with hotfix-build" },
	{ DT_RELR, "packed relocations (DT_RELR)",
	  "link it with -z nopack-relative-relocs" },
};

static int dynamic_entry_read(struct reader *reader, const Elf64_Dyn *entry)
{
	const uint64_t value = entry->d_un.d_val;

	for (size_t i = 0; i < ARRAY_SIZE(unsupported_tags); i++)
		if (entry->d_tag == unsupported_tags[i].tag)
			return unsupported(reader->diag,
					   unsupported_tags[i].what,
					   unsupported_tags[i].hint);
	switch (entry->d_tag) {
	case DT_FLAGS:
		if (value & DF_TEXTREL)
			return unsupported(reader->diag,
					   "writable code (DF_TEXTREL)",
					   "compile it with -fPIC");
		break;
	case DT_RELA:
		reader->rela = value;
		break;
	case DT_RELASZ:
		reader->rela_size = value;
		break;
	case DT_JMPREL:
		reader->jmprel = value;
		break;
	case DT_PLTRELSZ:
		reader->jmprel_size = value;
		break;
	default:
		break;
	}
	return 0;
}

static int dynamic_read(struct reader *reader)
{
	const Elf64_Phdr *header = &reader->dynamic;
	const uint8_t *bytes =
		elf_view_at(&reader->view, header->p_offset, header->p_filesz);

	if (header->p_type != PT_DYNAMIC || !bytes)
		return malformed(reader->diag,
				 "its dynamic section is missing or damaged");
	for (uint64_t at = 0; header->p_filesz - at >= sizeof(Elf64_Dyn);
	     at += sizeof(Elf64_Dyn)) {
		Elf64_Dyn entry;
		int r;

		memcpy(&entry, bytes + at, sizeof(entry));
		if (entry.d_tag == DT_NULL)
			return 0;
		r = dynamic_entry_read(reader, &entry);
		if (r < 0)
			return r;
	}
	return malformed(reader->diag, "its dynamic section has no end");
}

/* --- the manifest --- */

/* The only note in the section: owner, type, and all of the JSON. */
static int note_read(struct reader *reader, const Elf64_Shdr *section)
{
	const uint8_t *bytes = reader->view.bytes + section->sh_offset;
	Elf64_Nhdr header;
	uint64_t content;

	if (section->sh_size < sizeof(header) + sizeof(PATCH_NOTE_OWNER))
		return malformed(reader->diag, ".note.hotfix is too short");
	memcpy(&header, bytes, sizeof(header));
	if (header.n_namesz != sizeof(PATCH_NOTE_OWNER) ||
	    memcmp(bytes + sizeof(header), PATCH_NOTE_OWNER,
		   sizeof(PATCH_NOTE_OWNER)) ||
	    header.n_type != PATCH_NOTE_TYPE)
		return malformed(reader->diag,
				 ".note.hotfix holds another note");
	content = align_up(sizeof(header) + sizeof(PATCH_NOTE_OWNER), 4);
	if (content > section->sh_size ||
	    header.n_descsz > section->sh_size - content)
		return malformed(reader->diag, ".note.hotfix is cut short");
	reader->patch->manifest_json = (const char *)bytes + content;
	reader->patch->manifest_json_size = header.n_descsz;
	return 0;
}

static int code_check(struct reader *reader, const char *what, const char *name,
		      uint64_t vaddr, uint64_t size)
{
	const struct patch_segment *segment =
		segment_at(reader->patch, vaddr, size);

	if (segment && segment->protection & PROT_EXEC)
		return 0;
	return malformed(reader->diag,
			 "the code of %s %s is missing: nothing executable at "
			 "0x%" PRIx64,
			 what, name, vaddr);
}

static int entry_points_check(struct reader *reader)
{
	const struct manifest *manifest = reader->patch->manifest;

	for (size_t i = 0; i < manifest->nr_functions; i++) {
		const struct manifest_function *f = &manifest->functions[i];
		int r = code_check(reader, "replacement", f->replacement,
				   f->replacement_vaddr, f->replacement_size);

		if (r < 0)
			return r;
	}
	for (size_t i = 0; i < NR_HOOKS; i++) {
		const struct manifest_hook *hook = &manifest->hooks[i];
		int r = 0;

		if (hook->symbol)
			r = code_check(reader, "hook", hook->symbol,
				       hook->vaddr, 1);
		if (r < 0)
			return r;
	}
	return 0;
}

static int manifest_read(struct reader *reader)
{
	struct patch_file *patch = reader->patch;
	Elf64_Shdr section;
	int r;

	r = elf_view_find_section(&reader->view, SHT_NOTE, ".note.hotfix",
				  &section, reader->diag);
	if (r < 0)
		return r;
	if (r == 0)
		return malformed(reader->diag,
				 "it has no manifest (.note.hotfix): a shared "
				 "object that hotfix-build did not make");
	r = note_read(reader, &section);
	if (r < 0)
		return r;
	r = manifest_parse(patch->manifest_json, patch->manifest_json_size,
			   &patch->manifest, reader->diag);
	if (r < 0)
		return r;
	if (patch->manifest->target.machine != patch->arch->e_machine)
		return malformed(
			reader->diag,
			"the manifest is for another machine (%u) than "
			"the code (%u)",
			patch->manifest->target.machine,
			patch->arch->e_machine);
	return 0;
}

/* --- symbols and imports --- */

static int symbols_read(struct reader *reader)
{
	const struct elf_view *view = &reader->view;
	Elf64_Shdr symbols, strings;
	int index;

	index = elf_view_find_section(view, SHT_DYNSYM, NULL, &symbols,
				      reader->diag);
	if (index < 0)
		return index;
	if (index == 0 || symbols.sh_entsize != sizeof(Elf64_Sym) ||
	    symbols.sh_link >= view->header.e_shnum)
		return malformed(reader->diag,
				 "its dynamic symbols (.dynsym) are gone");
	strings = elf_view_section(view, symbols.sh_link);
	if (strings.sh_type != SHT_STRTAB || strings.sh_size == 0 ||
	    !elf_view_at(view, strings.sh_offset, strings.sh_size) ||
	    view->bytes[strings.sh_offset + strings.sh_size - 1] != '\0')
		return malformed(reader->diag,
				 "the names of its symbols (.dynstr) are gone");

	reader->symbols_index = (unsigned int)index;
	reader->symbols = view->bytes + symbols.sh_offset;
	reader->nr_symbols = symbols.sh_size / sizeof(Elf64_Sym);
	reader->strings = (const char *)view->bytes + strings.sh_offset;
	reader->strings_size = strings.sh_size;
	return 0;
}

static int symbol_at(const struct reader *reader, uint32_t index,
		     Elf64_Sym *ret_symbol, const char **ret_name)
{
	if (index >= reader->nr_symbols)
		return malformed(reader->diag,
				 "a relocation names symbol %u of %zu", index,
				 reader->nr_symbols);
	memcpy(ret_symbol, reader->symbols + index * sizeof(*ret_symbol),
	       sizeof(*ret_symbol));
	if (ret_symbol->st_name >= reader->strings_size)
		return malformed(reader->diag, "symbol %u has no name", index);
	*ret_name = reader->strings + ret_symbol->st_name;
	return 0;
}

static int import_compare(const void *a, const void *b)
{
	const struct manifest_import *const *left = a, *const *right = b;

	return strcmp((*left)->symbol, (*right)->symbol);
}

static int imports_sort(struct reader *reader)
{
	const struct manifest *manifest = reader->patch->manifest;
	const size_t nr = manifest->nr_imports;

	if (!nr)
		return 0;
	reader->imports = calloc(nr, sizeof(struct manifest_import *));
	if (!reader->imports)
		return hf_fail(reader->diag, -ENOMEM, "cannot load the patch");
	for (size_t i = 0; i < nr; i++)
		reader->imports[i] = &manifest->imports[i];
	qsort(reader->imports, nr, sizeof(*reader->imports), import_compare);
	for (size_t i = 1; i < nr; i++)
		if (!import_compare(&reader->imports[i - 1],
				    &reader->imports[i]))
			return malformed(reader->diag,
					 "the manifest has two imports for %s",
					 reader->imports[i]->symbol);
	return 0;
}

/* Its index in the manifest, or -1. */
static int32_t import_find(const struct reader *reader, const char *symbol)
{
	const struct manifest *manifest = reader->patch->manifest;
	struct manifest_import key = { .symbol = (char *)symbol };
	struct manifest_import *key_p = &key, **found = NULL;

	if (manifest->nr_imports)
		found = bsearch(&key_p, reader->imports, manifest->nr_imports,
				sizeof(*reader->imports), import_compare);
	return found ? (int32_t)(*found - manifest->imports) : -1;
}

/* --- relocations --- */

static bool is_tls(enum reloc_class class)
{
	return class == RELOC_TLS_MODULE || class == RELOC_TLS_OFFSET ||
	       class == RELOC_TLS_THREAD_POINTER;
}

/* Whether compilers put such a field into an instruction. */
static bool is_of_code(enum reloc_class class, size_t size)
{
	switch (class) {
	case RELOC_RELATIVE:
	case RELOC_ABSOLUTE:
	case RELOC_ABSOLUTE_LOW:
	case RELOC_ABSOLUTE_LOW_SIGNED:
	case RELOC_PC_RELATIVE:
		return true;
	default:
		return is_tls(class) && size == 4;
	}
}

/*
 * .rela.dyn and .rela.plt write only where a dynamic loader could, into data.
 * Code may be relocated by .rela.hotfix, while it is still in our own memory.
 */
static int place_check(struct reader *reader, const Elf64_Rela *rela,
		       enum reloc_class class, bool may_import)
{
	const struct arch *arch = reader->patch->arch;
	const uint32_t type = (uint32_t)ELF64_R_TYPE(rela->r_info);
	const size_t size = arch->reloc_size(type);
	const struct patch_segment *segment =
		segment_at(reader->patch, rela->r_offset, size);
	bool allowed;

	if (!segment)
		return malformed(reader->diag,
				 "a relocation (%s) lies outside the patch, at "
				 "0x%" PRIx64,
				 arch->reloc_name(type), rela->r_offset);
	if (!may_import)
		allowed = segment->protection & PROT_WRITE;
	else
		allowed = !(segment->protection & PROT_EXEC) ||
			  is_of_code(class, size);
	if (!allowed)
		return malformed(
			reader->diag,
			"a relocation (%s) at 0x%" PRIx64 " would change %s",
			arch->reloc_name(type), rela->r_offset,
			segment->protection & PROT_EXEC ? "code"
							: "read-only data");
	return 0;
}

/* A symbol that the patch defines: it is known where, relative to the patch. */
static int local_resolve(struct reader *reader, const Elf64_Sym *symbol,
			 const char *name, enum reloc_class class,
			 struct patch_reloc *reloc)
{
	if (is_tls(class) || ELF64_ST_TYPE(symbol->st_info) == STT_TLS)
		return unsupported(
			reader->diag, "thread-local variables of its own",
			"use the program's own thread-local variables "
			"(extern __thread), or plain ones");
	if (ELF64_ST_TYPE(symbol->st_info) == STT_GNU_IFUNC)
		return unsupported(reader->diag, "an IFUNC of its own",
				   "call the implementation directly");
	if (symbol->st_shndx >= SHN_LORESERVE ||
	    symbol->st_value > reader->patch->image_size)
		return malformed(reader->diag,
				 "symbol %s lies outside the patch", name);
	reloc->addend = (int64_t)((uint64_t)reloc->addend + symbol->st_value);
	return 0;
}

static int import_resolve(struct reader *reader, const char *name,
			  enum reloc_class class, bool may_import,
			  struct patch_reloc *reloc)
{
	const struct manifest *manifest = reader->patch->manifest;
	int32_t import = import_find(reader, name);

	if (!may_import)
		return malformed(reader->diag,
				 "symbol %s is undefined, and its relocation "
				 "is not in .rela.hotfix",
				 name);
	if (import < 0)
		return malformed(reader->diag,
				 "symbol %s is undefined, and the manifest has "
				 "no import for it",
				 name);
	if (is_tls(class) != (manifest->imports[import].kind == IMPORT_TLS))
		return malformed(reader->diag,
				 "symbol %s is thread-local in the code or in "
				 "the manifest, but not in both",
				 name);
	reloc->import = import;
	return 0;
}

static bool is_low(enum reloc_class class)
{
	return class == RELOC_ABSOLUTE_LOW ||
	       class == RELOC_ABSOLUTE_LOW_SIGNED;
}

/*
 * Without a symbol, 64-bit (RELATIVE) and 32-bit addresses are the patch's own.
 */
static int symbol_resolve(struct reader *reader, const Elf64_Rela *rela,
			  enum reloc_class class, bool may_import,
			  struct patch_reloc *reloc)
{
	const uint32_t index = (uint32_t)ELF64_R_SYM(rela->r_info);
	const char *name = NULL;
	Elf64_Sym symbol;
	int r;

	if (index == 0 &&
	    (class == RELOC_RELATIVE || (may_import && is_low(class))))
		return 0;
	if (is_tls(class) && index == 0)
		return unsupported(
			reader->diag, "thread-local variables of its own",
			"use the program's own thread-local variables "
			"(extern __thread), or plain ones");
	if (class == RELOC_RELATIVE || index == 0)
		return malformed(reader->diag, "a relocation (%s) %s",
				 reader->patch->arch->reloc_name(reloc->type),
				 index ? "has a symbol" : "has no symbol");
	r = symbol_at(reader, index, &symbol, &name);
	if (r < 0)
		return r;
	if (symbol.st_shndx == SHN_UNDEF)
		return import_resolve(reader, name, class, may_import, reloc);
	return local_resolve(reader, &symbol, name, class, reloc);
}

static int reloc_add(struct reader *reader, const Elf64_Rela *rela,
		     bool may_import)
{
	struct patch_file *patch = reader->patch;
	struct patch_reloc reloc = {
		.vaddr = rela->r_offset,
		.type = (uint32_t)ELF64_R_TYPE(rela->r_info),
		.import = -1,
		.addend = rela->r_addend,
	};
	enum reloc_class class = patch->arch->reloc_class(reloc.type);
	int r;

	if (class == RELOC_NONE)
		return 0;
	if (class == RELOC_UNSUPPORTED)
		return hf_refuse(reader->diag, "patch-unsupported",
				 "it has a relocation that hotfix cannot do: "
				 "%s (type %u)",
				 patch->arch->reloc_name(reloc.type),
				 reloc.type);
	r = place_check(reader, rela, class, may_import);
	if (r < 0)
		return r;
	r = symbol_resolve(reader, rela, class, may_import, &reloc);
	if (r < 0)
		return r;
	patch->relocs[patch->nr_relocs++] = reloc;
	return 0;
}

/* A table of relocations in the file. */
struct reloc_table {
	const char *name;
	const uint8_t *bytes;
	size_t nr;
	bool may_import;
};

static int reloc_table_read(struct reader *reader,
			    const struct reloc_table *table)
{
	for (size_t i = 0; i < table->nr; i++) {
		Elf64_Rela rela;
		int r;

		memcpy(&rela, table->bytes + i * sizeof(rela), sizeof(rela));
		r = reloc_add(reader, &rela, table->may_import);
		if (r < 0)
			return hf_context(reader->diag, r, "%s[%zu]",
					  table->name, i);
	}
	return 0;
}

static int reloc_table_set(struct reader *reader, uint64_t offset,
			   uint64_t size, struct reloc_table *table)
{
	table->bytes = elf_view_at(&reader->view, offset, size);
	table->nr = size / sizeof(Elf64_Rela);
	if (!table->bytes || size % sizeof(Elf64_Rela) ||
	    table->nr > RELOCS_MAX)
		return malformed(reader->diag, "%s is damaged", table->name);
	return 0;
}

/* A table that the dynamic section names by its address. */
static int dynamic_table_find(struct reader *reader, uint64_t vaddr,
			      uint64_t size, struct reloc_table *table)
{
	const struct patch_segment *segment =
		segment_at(reader->patch, vaddr, size);

	if (size == 0)
		return 0;
	if (!segment || vaddr - segment->vaddr + size > segment->file_size)
		return malformed(reader->diag, "%s is damaged", table->name);
	return reloc_table_set(reader,
			       segment->file_offset + (vaddr - segment->vaddr),
			       size, table);
}

static int hotfix_table_find(struct reader *reader, struct reloc_table *table)
{
	Elf64_Shdr section;
	int index;

	index = elf_view_find_section(&reader->view, SHT_RELA, table->name,
				      &section, reader->diag);
	if (index < 0)
		return index;
	if (index == 0 && reader->patch->manifest->nr_imports)
		return malformed(reader->diag,
				 "the manifest has imports and %s is gone: was "
				 "the file stripped?",
				 table->name);
	if (index == 0)
		return 0;
	if (section.sh_link != reader->symbols_index ||
	    section.sh_entsize != sizeof(Elf64_Rela))
		return malformed(reader->diag,
				 "%s has lost its symbols: was the file "
				 "stripped?",
				 table->name);
	return reloc_table_set(reader, section.sh_offset, section.sh_size,
			       table);
}

static int relocs_read(struct reader *reader)
{
	struct reloc_table dyn = { .name = ".rela.dyn" };
	struct reloc_table plt = { .name = ".rela.plt" };
	struct reloc_table hotfix = { .name = ".rela.hotfix",
				      .may_import = true };
	int r;

	r = dynamic_table_find(reader, reader->rela, reader->rela_size, &dyn);
	if (r < 0)
		return r;
	r = dynamic_table_find(reader, reader->jmprel, reader->jmprel_size,
			       &plt);
	if (r < 0)
		return r;
	r = hotfix_table_find(reader, &hotfix);
	if (r < 0)
		return r;

	reader->patch->relocs = calloc(dyn.nr + plt.nr + hotfix.nr + 1,
				       sizeof(*reader->patch->relocs));
	if (!reader->patch->relocs)
		return hf_fail(reader->diag, -ENOMEM, "cannot load the patch");
	r = reloc_table_read(reader, &dyn);
	if (r == 0)
		r = reloc_table_read(reader, &plt);
	if (r == 0)
		r = reloc_table_read(reader, &hotfix);
	return r;
}

/* --- parts for other modules --- */

static int patch_parse(struct buffer *bytes, const char *path, bool is_part,
		       struct patch_file **ret_patch, struct hf_diag *diag);

const struct patch_file *patch_part_for(const struct patch_file *patch,
					const struct build_id *build_id)
{
	for (size_t i = 0; i < patch_nr_parts(patch); i++) {
		const struct patch_file *part = patch_part(patch, i);

		if (build_id_equal(&part->manifest->target.build_id, build_id))
			return part;
	}
	return NULL;
}

/* One patch to the operator, and one module each. */
static int part_check(const struct reader *reader,
		      const struct patch_file *part)
{
	const struct patch_file *patch = reader->patch;

	if (strcmp(part->manifest->name, patch->manifest->name))
		return malformed(reader->diag,
				 "a part is called %s and the patch %s",
				 part->manifest->name, patch->manifest->name);
	if (patch_part_for(patch, &part->manifest->target.build_id))
		return malformed(reader->diag, "two parts are for %s",
				 part->manifest->target.name);
	return 0;
}

static int part_add(struct reader *reader, const uint8_t *bytes, size_t size)
{
	struct patch_file *patch = reader->patch, *part;
	owned(buffer_release) struct buffer copy = { malloc(size + 1), size };
	int r;

	if (!copy.data)
		return hf_fail(reader->diag, -ENOMEM, "cannot load the patch");
	memcpy(copy.data, bytes, size);
	copy.data[size] = 0;
	r = patch_parse(&copy, patch->path, true, &part, reader->diag);
	if (r < 0)
		return hf_context(reader->diag, r, "part %zu",
				  patch->nr_others + 1);
	r = part_check(reader, part);
	if (r < 0) {
		patch_file_free(part);
		return r;
	}
	patch->others[patch->nr_others++] = part;
	return 0;
}

/* One note of ours at @at; returns where the next one begins, 0: damaged. */
static size_t note_next(uint32_t type, const uint8_t *bytes, size_t size,
			size_t at, const uint8_t **ret_content,
			size_t *ret_size)
{
	Elf64_Nhdr header;
	uint64_t start, end;

	if (size - at < sizeof(header))
		return 0;
	memcpy(&header, bytes + at, sizeof(header));
	start = at + sizeof(header) + align_up(header.n_namesz, 4);
	end = start + align_up(header.n_descsz, 4);
	if (end > size || header.n_type != type ||
	    header.n_namesz != sizeof(PATCH_NOTE_OWNER) ||
	    memcmp(bytes + at + sizeof(header), PATCH_NOTE_OWNER,
		   sizeof(PATCH_NOTE_OWNER)))
		return 0;
	*ret_content = bytes + start;
	*ret_size = header.n_descsz;
	return (size_t)end;
}

static int parts_read(struct reader *reader)
{
	struct patch_file *patch = reader->patch;
	const uint8_t *bytes, *part;
	Elf64_Shdr section;
	size_t size;
	int r;

	r = elf_view_find_section(&reader->view, SHT_NOTE, ".note.hotfix.parts",
				  &section, reader->diag);
	if (r <= 0)
		return r;
	/* Or a hostile file could nest them until the stack ends. */
	if (reader->is_part)
		return malformed(reader->diag, "a part has parts itself");
	patch->others = calloc(PATCH_PARTS_MAX, sizeof(*patch->others));
	if (!patch->others)
		return hf_fail(reader->diag, -ENOMEM, "cannot load the patch");
	bytes = elf_view_at(&reader->view, section.sh_offset, section.sh_size);
	for (size_t at = 0; at < section.sh_size;) {
		at = note_next(PATCH_NOTE_TYPE_PART, bytes, section.sh_size, at,
			       &part, &size);
		if (!at || patch_nr_parts(patch) == PATCH_PARTS_MAX)
			return malformed(reader->diag,
					 ".note.hotfix.parts is damaged");
		r = part_add(reader, part, size);
		if (r < 0)
			return r;
	}
	return 0;
}

/* --- what it was written as --- */

static int text_add(struct reader *reader, const uint8_t *bytes, size_t size)
{
	struct patch_file *patch = reader->patch;
	struct patch_text *text = &patch->texts[patch->nr_texts];

	if (patch_text_read(bytes, size, text))
		return malformed(reader->diag,
				 ".note.hotfix.source is damaged");
	patch->nr_texts++;
	return 0;
}

static int texts_read(struct reader *reader)
{
	struct patch_file *patch = reader->patch;
	const uint8_t *bytes, *text;
	Elf64_Shdr section;
	size_t size;
	int r;

	r = elf_view_find_section(&reader->view, SHT_NOTE,
				  ".note.hotfix.source", &section,
				  reader->diag);
	if (r <= 0)
		return r;
	patch->texts = calloc(PATCH_TEXTS_MAX, sizeof(*patch->texts));
	if (!patch->texts)
		return hf_fail(reader->diag, -ENOMEM, "cannot load the patch");
	bytes = elf_view_at(&reader->view, section.sh_offset, section.sh_size);
	for (size_t at = 0; at < section.sh_size;) {
		at = note_next(PATCH_NOTE_TYPE_TEXT, bytes, section.sh_size, at,
			       &text, &size);
		if (!at || patch->nr_texts == PATCH_TEXTS_MAX)
			return malformed(reader->diag,
					 ".note.hotfix.source is damaged");
		r = text_add(reader, text, size);
		if (r < 0)
			return r;
	}
	return 0;
}

/* --- all of it --- */

static int header_read(struct reader *reader, const struct buffer *bytes)
{
	const Elf64_Ehdr *header = &reader->view.header;
	int r;

	r = elf_view_open(bytes->data, bytes->size, &reader->view,
			  reader->diag);
	if (r < 0)
		return r;
	if (header->e_type != ET_DYN)
		return malformed(reader->diag, "not a shared object");
	reader->patch->arch = arch_find(header->e_machine);
	if (!reader->patch->arch)
		return hf_refuse(reader->diag, "machine-unknown",
				 "it is for a machine that this hotfix does "
				 "not know (ELF machine %u)",
				 header->e_machine);
	return 0;
}

static int patch_read(struct reader *reader, const struct buffer *bytes)
{
	static int (*const steps[])(struct reader * reader) = {
		/* First: any other shared object should be called that. */
		manifest_read, segments_read, dynamic_read, entry_points_check,
		symbols_read,  imports_sort,  relocs_read,   parts_read,
		texts_read,
	};
	int r;

	r = header_read(reader, bytes);
	if (r < 0)
		return r;
	for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
		r = steps[i](reader);
		if (r < 0)
			return r;
	}
	sha256(bytes->data, bytes->size, reader->patch->digest);
	return 0;
}

static int patch_parse(struct buffer *bytes, const char *path, bool is_part,
		       struct patch_file **ret_patch, struct hf_diag *diag)
{
	owned(patch_file_free_p) struct patch_file *patch = NULL;
	struct reader reader = { .is_part = is_part, .diag = diag };
	int r;

	patch = calloc(1, sizeof(*patch));
	if (patch)
		patch->path = strdup(path);
	if (!patch || !patch->path)
		return hf_fail(diag, -ENOMEM, "cannot load %s", path);
	reader.patch = patch;

	r = patch_read(&reader, bytes);
	free(reader.imports);
	if (r < 0 && !is_part)
		hf_context(diag, r, "%s", path);
	if (r == -EBADMSG && !is_part)
		hf_hint(diag, "the file may be damaged or cut short: copy it "
			      "again, or build it again with hotfix-build");
	if (r < 0)
		return r;
	/* What the patch points to stays where it is. */
	patch->bytes = *bytes;
	*bytes = (struct buffer){ 0 };
	*ret_patch = take_ptr(patch);
	return 0;
}

int patch_file_parse(struct buffer *bytes, const char *path,
		     struct patch_file **ret_patch, struct hf_diag *diag)
{
	return patch_parse(bytes, path, false, ret_patch, diag);
}

/* A device or a pipe might never end, or never begin. */
static int regular_check(const char *path, struct hf_diag *diag)
{
	struct stat status;

	if (stat(path, &status))
		return hf_fail(diag, -errno, "cannot open %s", path);
	if (!S_ISREG(status.st_mode))
		return hf_error(diag, -EBADMSG, "patch-malformed",
				"%s is no patch: it is no regular file", path);
	return 0;
}

int patch_file_open(const char *path, struct patch_file **ret_patch,
		    struct hf_diag *diag)
{
	owned(buffer_release) struct buffer bytes = { 0 };
	int r;

	r = regular_check(path, diag);
	if (r < 0)
		return r;
	r = file_read(AT_FDCWD, path, PATCH_FILE_SIZE_MAX, &bytes, diag);
	if (r < 0)
		return r;
	return patch_file_parse(&bytes, path, ret_patch, diag);
}

void patch_file_free(struct patch_file *patch)
{
	if (!patch)
		return;
	for (size_t i = 0; i < patch->nr_others; i++)
		patch_file_free(patch->others[i]);
	free(patch->others);
	free(patch->texts);
	buffer_release(&patch->bytes);
	manifest_free(patch->manifest);
	free(patch->segments);
	free(patch->relocs);
	free(patch->path);
	free(patch);
}
