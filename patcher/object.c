#include "object.h"

#include <errno.h>
#include <string.h>

/*
 * A hidden thing of the target's own headers is reached without the GOT; that
 * cannot work across modules for data, so it is told apart.
 */
static unsigned int use_of(uint32_t type)
{
	switch (type) {
	case R_X86_64_PLT32:
		return USE_CALL;
	case R_X86_64_PC32:
		return USE_DIRECT;
	case R_X86_64_TLSGD:
		return USE_TLS | USE_TLS_MODULE;
	case R_X86_64_GOTTPOFF:
	case R_X86_64_TPOFF32:
	case R_X86_64_DTPOFF32:
	case R_X86_64_GOTPC32_TLSDESC:
		return USE_TLS;
	case R_X86_64_TLSDESC_CALL:
	case R_X86_64_NONE:
		return 0;
	default:
		return USE_ADDRESS;
	}
}

static struct object_import *import_of(struct object *object, size_t symbol)
{
	for (size_t i = 0; i < object->nr_imports; i++)
		if (object->imports[i].index == symbol)
			return &object->imports[i];
	return NULL;
}

/*
 * A name that the target's headers declare hidden is in another module now: the
 * linker must look for it there. (Where the compiler has already relied on it,
 * USE_DIRECT tells.)
 */
static void make_visible(Elf64_Sym *symbol)
{
	symbol->st_other = STV_DEFAULT;
}

static int collect_imports(struct object *object)
{
	for (size_t i = 1; i < object->symbols.nr; i++) {
		Elf64_Sym *symbol = &object->symbols.entries[i];
		const char *name =
			elf_symbol_name(object->file, &object->symbols, i);
		struct object_import *import;

		if (symbol->st_shndx != SHN_UNDEF || !*name ||
		    !strcmp(name, "_GLOBAL_OFFSET_TABLE_"))
			continue;
		import = array_append(object->imports, object->nr_imports);
		if (!import)
			return -ENOMEM;
		make_visible(symbol);
		*import = (struct object_import){
			.symbol = name,
			.index = i,
			.weak = ELF64_ST_BIND(symbol->st_info) == STB_WEAK,
		};
	}
	return 0;
}

/* Only what is loaded counts: debug information refers to anything. */
static bool is_loaded_reloc_section(const struct object *object,
				    const Elf64_Shdr *section)
{
	const Elf64_Shdr *place =
		elf_section_at(object->file, section->sh_info);

	return section->sh_type == SHT_RELA && place &&
	       place->sh_flags & SHF_ALLOC;
}

static void collect_uses(struct object *object)
{
	for (size_t i = 1; i < object->file->nr_sections; i++) {
		const Elf64_Shdr *section = &object->file->sections[i];
		const Elf64_Rela *relocs;

		if (!is_loaded_reloc_section(object, section))
			continue;
		relocs = (void *)elf_section_data(object->file, section);
		for (size_t k = 0;
		     k < elf_section_entries(section, sizeof(*relocs)); k++) {
			struct object_import *import = import_of(
				object, ELF64_R_SYM(relocs[k].r_info));

			if (import)
				import->uses |= use_of(
					ELF64_R_TYPE(relocs[k].r_info));
		}
	}
}

static const Elf64_Rela *reloc_at(const struct object *object,
				  const Elf64_Shdr *section, uint64_t offset)
{
	size_t index = (size_t)(section - object->file->sections);

	for (size_t i = 1; i < object->file->nr_sections; i++) {
		const Elf64_Shdr *table = &object->file->sections[i];
		const Elf64_Rela *relocs;

		if (table->sh_type != SHT_RELA || table->sh_info != index)
			continue;
		relocs = (void *)elf_section_data(object->file, table);
		for (size_t k = 0;
		     k < elf_section_entries(table, sizeof(*relocs)); k++)
			if (relocs[k].r_offset == offset)
				return &relocs[k];
	}
	return NULL;
}

static const Elf64_Sym *reloc_symbol(const struct object *object,
				     const Elf64_Rela *reloc)
{
	size_t index = ELF64_R_SYM(reloc->r_info);

	return index < object->symbols.nr ? &object->symbols.entries[index] :
					    NULL;
}

/* The string that a pointer in the records leads to; NULL when none. */
static const char *pointed_string(const struct object *object,
				  const Elf64_Rela *reloc)
{
	const Elf64_Sym *symbol = reloc ? reloc_symbol(object, reloc) : NULL;
	const Elf64_Shdr *section;
	const char *data;
	uint64_t offset;

	section = symbol ? elf_section_at(object->file, symbol->st_shndx) :
			   NULL;
	data = section ? (void *)elf_section_data(object->file, section) : NULL;
	if (!data)
		return NULL;
	offset = symbol->st_value + (uint64_t)reloc->r_addend;
	if (offset >= section->sh_size ||
	    !memchr(data + offset, 0, section->sh_size - offset))
		return NULL;
	return data + offset;
}

/* The name of the function that a pointer leads to: static ones are reached
 * through their section. */
static const char *pointed_function(const struct object *object,
				    const Elf64_Rela *reloc)
{
	const Elf64_Sym *via = reloc ? reloc_symbol(object, reloc) : NULL;

	for (size_t i = 1; via && i < object->symbols.nr; i++) {
		const Elf64_Sym *symbol = &object->symbols.entries[i];

		if (ELF64_ST_TYPE(symbol->st_info) == STT_FUNC &&
		    symbol->st_shndx == via->st_shndx &&
		    symbol->st_value ==
			    via->st_value + (uint64_t)reloc->r_addend)
			return elf_symbol_name(object->file, &object->symbols,
					       i);
	}
	return NULL;
}

static int read_record(struct object *object, const Elf64_Shdr *section,
		       uint64_t offset, struct hf_diag *diag)
{
#define POINTER_OF(member)                                                     \
	reloc_at(object, section,                                              \
		 offset + offsetof(struct hotfix_record, member))
	const struct hotfix_record *raw =
		(void *)(elf_section_data(object->file, section) + offset);
	struct record *record =
		array_append(object->records, object->nr_records);

	if (!record)
		return hf_fail(diag, -ENOMEM, "cannot read %s", object->source);
	*record = (struct record){
		.kind = (enum hotfix_record_kind)raw->kind,
		.name = pointed_string(object, POINTER_OF(name)),
		.source = pointed_string(object, POINTER_OF(source)),
		.local = pointed_string(object, POINTER_OF(local)),
		.symbol = pointed_function(object, POINTER_OF(address)),
	};
#undef POINTER_OF
	if (!record->name || !record->source || !record->local ||
	    (record->kind != HOTFIX_RECORD_IMPORT && !record->symbol))
		return hf_error(diag, -EINVAL, "record-malformed",
				"%s: a HOTFIX_... line could not be "
				"understood: does it name a function that "
				"this file defines?",
				object->source);
	return 0;
}

static int read_records(struct object *object, struct hf_diag *diag)
{
	Elf64_Shdr *section = elf_section(object->file, ".hotfix.records");
	int r = 0;

	if (!section)
		return 0;
	if (section->sh_offset % 8 ||
	    section->sh_size % sizeof(struct hotfix_record))
		return hf_error(diag, -EINVAL, "record-malformed",
				"%s: the records of <hotfix/hotfix.h> are "
				"damaged",
				object->source);
	for (uint64_t offset = 0; offset < section->sh_size && !r;
	     offset += sizeof(struct hotfix_record))
		r = read_record(object, section, offset, diag);
	/* They have been read: the linker drops them. */
	section->sh_flags |= SHF_EXCLUDE;
	return r;
}

int object_open(const char *source, const char *path, struct object *ret_object,
		struct hf_diag *diag)
{
	struct object object = { .source = source };
	int r = elf_open(path, &object.file, diag);

	if (!r && !(object.path = strdup(path)))
		r = hf_fail(diag, -ENOMEM, "cannot read %s", path);
	if (!r) {
		object.symbols = elf_symbols(object.file, SHT_SYMTAB);
		if (collect_imports(&object))
			r = hf_fail(diag, -ENOMEM, "cannot read %s", path);
	}
	if (!r) {
		collect_uses(&object);
		r = read_records(&object, diag);
	}
	if (r)
		object_release(&object);
	else
		*ret_object = object;
	return r;
}

void object_release(struct object *object)
{
	if (object->file)
		elf_close(object->file);
	free(object->path);
	free(object->imports);
	free(object->records);
	free(object->new_names);
	*object = (struct object){ 0 };
}

const Elf64_Sym *object_definition(const struct object *object,
				   const char *name)
{
	for (size_t i = 1; i < object->symbols.nr; i++) {
		const Elf64_Sym *symbol = &object->symbols.entries[i];

		if (symbol->st_shndx != SHN_UNDEF &&
		    ELF64_ST_TYPE(symbol->st_info) != STT_FILE &&
		    !strcmp(elf_symbol_name(object->file, &object->symbols, i),
			    name))
			return symbol;
	}
	return NULL;
}

int object_rename(struct object *object, size_t symbol, const char *name)
{
	const Elf64_Shdr *table =
		&object->file->sections[object->symbols.section];
	const Elf64_Shdr *strings =
		elf_section_at(object->file, table->sh_link);
	size_t size = strlen(name) + 1;
	char *grown = realloc(object->new_names, object->new_names_size + size);

	if (!grown || !strings)
		return -ENOMEM;
	object->new_names = grown;
	memcpy(grown + object->new_names_size, name, size);
	object->symbols.entries[symbol].st_name =
		(uint32_t)(strings->sh_size + object->new_names_size);
	object->new_names_size += size;
	return 0;
}

/*
 * Renamed symbols need a longer string table, which is written anew behind the
 * file's old end:
 *
 *	[ ... old .strtab (unused) ... section headers ][ .strtab, new names ]
 */
int object_save(struct object *object, struct hf_diag *diag)
{
	const Elf64_Shdr *table =
		&object->file->sections[object->symbols.section];
	Elf64_Shdr *strings = elf_section_at(object->file, table->sh_link);
	owned(free_p) uint8_t *extra = NULL;
	size_t extra_size = 0;

	if (object->new_names_size && strings) {
		extra_size = strings->sh_size + object->new_names_size;
		extra = malloc(extra_size);
		if (!extra)
			return hf_fail(diag, -ENOMEM, "cannot write %s",
				       object->path);
		memcpy(extra, elf_section_data(object->file, strings),
		       strings->sh_size);
		memcpy(extra + strings->sh_size, object->new_names,
		       object->new_names_size);
		strings->sh_offset = object->file->size;
		strings->sh_size = extra_size;
	}
	return elf_save(object->file, object->path, extra, extra_size, 0600,
			diag);
}
