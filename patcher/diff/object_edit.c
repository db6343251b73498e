#include "object_edit.h"

#include <errno.h>
#include <string.h>

/* ---- bytes that grow ---------------------------------------------------- */

static int bytes_add(struct edit_bytes *bytes, const void *data, size_t size,
		     size_t alignment, uint64_t *ret_offset)
{
	size_t start = (size_t)align_up(bytes->size, alignment);
	uint8_t *grown = realloc(bytes->data, start + size + 1);

	if (!grown)
		return -ENOMEM;
	memset(grown + bytes->size, 0, start - bytes->size);
	if (data && size)
		memcpy(grown + start, data, size);
	else
		memset(grown + start, 0, size);
	bytes->data = grown;
	bytes->size = start + size;
	*ret_offset = start;
	return 0;
}

static int add_text(struct edit_bytes *strings, const char *text,
		    Elf64_Word *ret_offset)
{
	uint64_t offset;
	int r = bytes_add(strings, text, strlen(text) + 1, 1, &offset);

	if (!r)
		*ret_offset = (Elf64_Word)offset;
	return r;
}

/* clang has one table for the names of both. */
static struct edit_bytes *names_of(struct object_edit *edit)
{
	return edit->shstrtab == edit->strtab ? &edit->strings : &edit->names;
}

/* ---- beginning ---------------------------------------------------------- */

static int refuse_damaged(const struct elf_file *file, const char *reason,
			  struct hf_diag *diag)
{
	return hf_error(diag, -ENOEXEC, "not-elf", "%s: damaged: %s",
			file->path, reason);
}

static int check_size(const struct elf_file *file, struct hf_diag *diag)
{
	if (file->nr_sections < SHN_LORESERVE)
		return 0;
	hf_refuse(diag, "object-too-large", "%s has %zu sections",
		  file->path, file->nr_sections);
	hf_hint(diag, "a patch can be made from source files that are "
		      "compiled one by one, not from all of a program in one");
	return -ECANCELED;
}

static int copy_bytes(struct edit_bytes *bytes, const void *data, size_t size)
{
	uint64_t unused;

	return bytes_add(bytes, data, size, 1, &unused);
}

static int copy_table(struct object_edit *edit, size_t section,
		      struct edit_bytes *bytes, struct hf_diag *diag)
{
	const Elf64_Shdr *header = elf_section_at(edit->file, section);
	const uint8_t *data =
		header ? elf_section_data(edit->file, header) : NULL;

	if (!data || header->sh_type != SHT_STRTAB || !header->sh_size ||
	    data[header->sh_size - 1])
		return refuse_damaged(edit->file, "a string table is missing",
				      diag);
	return copy_bytes(bytes, data, header->sh_size) ?
		       hf_fail(diag, -ENOMEM, "cannot edit %s",
			       edit->file->path) :
		       0;
}

static int copy_symbols(struct object_edit *edit, struct hf_diag *diag)
{
	struct elf_symbols symbols = elf_symbols(edit->file, SHT_SYMTAB);
	const Elf64_Shdr *table = elf_section_at(edit->file, symbols.section);

	if (!symbols.nr)
		return refuse_damaged(edit->file, "it has no symbols", diag);
	edit->symtab = symbols.section;
	edit->strtab = table->sh_link;
	for (size_t i = 0; i < symbols.nr; i++) {
		struct edit_symbol *symbol =
			array_append(edit->symbols, edit->nr_symbols);

		if (!symbol)
			return hf_fail(diag, -ENOMEM, "cannot edit %s",
				       edit->file->path);
		symbol->symbol = symbols.entries[i];
	}
	return copy_table(edit, edit->strtab, &edit->strings, diag);
}

/*
 * A group lives or dies as a whole, by its name; here each of its sections was
 * chosen for itself.
 */
static int copy_sections(struct object_edit *edit, struct hf_diag *diag)
{
	const struct elf_file *file = edit->file;

	for (size_t i = 0; i < file->nr_sections; i++) {
		struct edit_section *section =
			array_append(edit->sections, edit->nr_sections);

		if (!section)
			return hf_fail(diag, -ENOMEM, "cannot edit %s",
				       file->path);
		section->header = file->sections[i];
		section->header.sh_flags &= ~(Elf64_Xword)SHF_GROUP;
		if (section->header.sh_type == SHT_GROUP)
			section->header = (Elf64_Shdr){ .sh_type = SHT_NULL };
	}
	edit->shstrtab = file->header->e_shstrndx;
	if (edit->shstrtab == edit->strtab)
		return 0;
	return copy_table(edit, edit->shstrtab, &edit->names, diag);
}

int edit_open(const struct elf_file *file, struct object_edit *ret_edit,
	      struct hf_diag *diag)
{
	struct object_edit edit = { .file = file };
	int r = check_size(file, diag);

	if (!r && copy_bytes(&edit.bytes, file->data, file->size))
		r = hf_fail(diag, -ENOMEM, "cannot edit %s", file->path);
	if (!r)
		r = copy_symbols(&edit, diag);
	if (!r)
		r = copy_sections(&edit, diag);
	if (r)
		edit_release(&edit);
	else
		*ret_edit = edit;
	return r;
}

void edit_release(struct object_edit *edit)
{
	for (size_t i = 0; i < edit->nr_sections; i++)
		free(edit->sections[i].added.data);
	free(edit->sections);
	free(edit->symbols);
	free(edit->bytes.data);
	free(edit->strings.data);
	free(edit->names.data);
	*edit = (struct object_edit){ 0 };
}

/* ---- looking ------------------------------------------------------------ */

void *edit_place(const struct object_edit *edit, const void *in_file)
{
	return edit->bytes.data +
	       ((const uint8_t *)in_file - edit->file->data);
}

Elf64_Shdr *edit_section(const struct object_edit *edit, size_t section)
{
	return section < edit->nr_sections ? &edit->sections[section].header :
					     NULL;
}

const char *edit_symbol_name(const struct object_edit *edit, size_t symbol)
{
	Elf64_Word name = edit->symbols[symbol].symbol.st_name;

	/* Every string table ends with a NUL. */
	return name < edit->strings.size ?
		       (const char *)edit->strings.data + name :
		       "";
}

static const char *edit_section_name(const struct object_edit *edit,
				     const Elf64_Shdr *section)
{
	const struct edit_bytes *names = edit->shstrtab == edit->strtab ?
						 &edit->strings :
						 &edit->names;

	return section->sh_name < names->size ?
		       (const char *)names->data + section->sh_name :
		       "";
}

static Elf64_Rela *table_relocations(const struct object_edit *edit,
				     const struct edit_section *table,
				     size_t *ret_nr)
{
	*ret_nr = table->header.sh_size / sizeof(Elf64_Rela);
	if (table->added.data)
		return (void *)table->added.data;
	return (void *)(edit->bytes.data + table->header.sh_offset);
}

Elf64_Rela *edit_relocations(const struct object_edit *edit, size_t section,
			     size_t *ret_nr)
{
	for (size_t i = 1; i < edit->nr_sections; i++) {
		const struct edit_section *table = &edit->sections[i];

		if (table->header.sh_type == SHT_RELA &&
		    table->header.sh_info == section)
			return table_relocations(edit, table, ret_nr);
	}
	*ret_nr = 0;
	return NULL;
}

/* ---- changing ----------------------------------------------------------- */

int edit_rename(struct object_edit *edit, size_t symbol, const char *name)
{
	return add_text(&edit->strings, name,
			&edit->symbols[symbol].symbol.st_name);
}

int edit_add_symbol(struct object_edit *edit, const char *name,
		    const Elf64_Sym *symbol, size_t *ret_symbol)
{
	struct edit_symbol *added =
		array_append(edit->symbols, edit->nr_symbols);

	if (!added)
		return -ENOMEM;
	added->symbol = *symbol;
	added->symbol.st_name = 0;
	*ret_symbol = edit->nr_symbols - 1;
	return name ? edit_rename(edit, *ret_symbol, name) : 0;
}

static size_t find_section_symbol(const struct object_edit *edit,
				  size_t section)
{
	for (size_t i = 1; i < edit->nr_symbols; i++) {
		const Elf64_Sym *symbol = &edit->symbols[i].symbol;

		if (ELF64_ST_TYPE(symbol->st_info) == STT_SECTION &&
		    symbol->st_shndx == section && !edit->symbols[i].dropped)
			return i;
	}
	return 0;
}

int edit_section_symbol(struct object_edit *edit, size_t section,
			size_t *ret_symbol)
{
	const Elf64_Sym symbol = {
		.st_info = ELF64_ST_INFO(STB_LOCAL, STT_SECTION),
		.st_shndx = (Elf64_Half)section,
	};
	size_t *known = &edit->sections[section].section_symbol;
	int r = 0;

	if (!*known)
		*known = find_section_symbol(edit, section);
	if (!*known)
		r = edit_add_symbol(edit, NULL, &symbol, known);
	if (!r)
		*ret_symbol = *known;
	return r;
}

int edit_add_section(struct object_edit *edit, const char *name,
		     const Elf64_Shdr *header, size_t *ret_section)
{
	struct edit_section *section =
		array_append(edit->sections, edit->nr_sections);

	if (!section)
		return -ENOMEM;
	section->header = *header;
	*ret_section = edit->nr_sections - 1;
	return add_text(names_of(edit), name, &section->header.sh_name);
}

int edit_append(struct object_edit *edit, size_t section, const void *data,
		size_t size, size_t alignment, uint64_t *ret_offset)
{
	struct edit_section *to = &edit->sections[section];
	int r = bytes_add(&to->added, data, size, alignment ?: 1, ret_offset);

	if (r)
		return r;
	to->header.sh_size = to->added.size;
	if (alignment > to->header.sh_addralign)
		to->header.sh_addralign = alignment;
	return 0;
}

void edit_exclude(struct object_edit *edit, size_t section)
{
	edit->sections[section].header.sh_flags |= SHF_EXCLUDE;
	for (size_t i = 1; i < edit->nr_sections; i++) {
		Elf64_Shdr *table = &edit->sections[i].header;

		if ((table->sh_type == SHT_RELA || table->sh_type == SHT_REL) &&
		    table->sh_info == section)
			table->sh_size = 0;
	}
}

/* ---- writing ------------------------------------------------------------ */

static void number_symbols(struct object_edit *edit, bool local, size_t *number)
{
	for (size_t i = 1; i < edit->nr_symbols; i++) {
		struct edit_symbol *symbol = &edit->symbols[i];
		unsigned char binding = ELF64_ST_BIND(symbol->symbol.st_info);

		if (!symbol->dropped && (binding == STB_LOCAL) == local)
			symbol->number = (*number)++;
	}
}


static int number_relocation(const struct object_edit *edit,
			     const Elf64_Shdr *table, Elf64_Rela *rela,
			     struct hf_diag *diag)
{
	size_t symbol = ELF64_R_SYM(rela->r_info);

	if (!symbol)
		return 0;
	if (symbol >= edit->nr_symbols || !edit->symbols[symbol].number)
		return hf_error(diag, -EINVAL, "object-edit",
				"%s: a relocation of %s at %#lx lost its "
				"symbol, %s",
				edit->file->path,
				edit_section_name(edit, table),
				rela->r_offset,
				symbol < edit->nr_symbols ?
					edit_symbol_name(edit, symbol) :
					"?");
	rela->r_info = ELF64_R_INFO(edit->symbols[symbol].number,
				    ELF64_R_TYPE(rela->r_info));
	return 0;
}

static int number_relocations(const struct object_edit *edit,
			      struct hf_diag *diag)
{
	int r = 0;

	for (size_t i = 1; i < edit->nr_sections && !r; i++) {
		const struct edit_section *table = &edit->sections[i];
		Elf64_Rela *relas;
		size_t nr;

		if (table->header.sh_type != SHT_RELA)
			continue;
		relas = table_relocations(edit, table, &nr);
		for (size_t k = 0; k < nr && !r; k++)
			r = number_relocation(edit, &table->header, &relas[k],
					      diag);
	}
	return r;
}

/* Behind the file's old end. */
static int place_bytes(struct edit_bytes *tail, size_t base, const void *data,
		       size_t size, Elf64_Shdr *header)
{
	size_t end = base + tail->size;
	uint64_t start;
	int r = bytes_add(tail, NULL, (size_t)(align_up(end, 16) - end), 1,
			  &start);

	if (!r)
		r = bytes_add(tail, data, size, 1, &start);
	if (r)
		return r;
	header->sh_offset = base + start;
	header->sh_size = size;
	return 0;
}

static int place_symbols(struct object_edit *edit, struct edit_bytes *tail,
			 size_t base)
{
	owned(free_p) Elf64_Sym *table =
		calloc(edit->nr_symbols, sizeof(*table));
	size_t nr = 1;

	if (!table)
		return -ENOMEM;
	for (size_t i = 1; i < edit->nr_symbols; i++) {
		size_t number = edit->symbols[i].number;

		if (!number)
			continue;
		table[number] = edit->symbols[i].symbol;
		nr++;
	}
	return place_bytes(tail, base, table, nr * sizeof(*table),
			   &edit->sections[edit->symtab].header);
}

static int place_headers(struct object_edit *edit, struct edit_bytes *tail,
			 size_t base, Elf64_Ehdr *header)
{
	owned(free_p) Elf64_Shdr *table =
		calloc(edit->nr_sections, sizeof(*table));
	Elf64_Shdr place = { 0 };
	int r;

	if (!table)
		return -ENOMEM;
	for (size_t i = 0; i < edit->nr_sections; i++)
		table[i] = edit->sections[i].header;
	r = place_bytes(tail, base, table, edit->nr_sections * sizeof(*table),
			&place);
	header->e_shoff = place.sh_offset;
	header->e_shnum = (Elf64_Half)edit->nr_sections;
	return r;
}

static int build_tail(struct object_edit *edit, struct edit_bytes *tail)
{
	size_t base = edit->file->size;
	int r = place_symbols(edit, tail, base);

	if (!r)
		r = place_bytes(tail, base, edit->strings.data,
				edit->strings.size,
				&edit->sections[edit->strtab].header);
	if (!r && edit->shstrtab != edit->strtab)
		r = place_bytes(tail, base, edit->names.data, edit->names.size,
				&edit->sections[edit->shstrtab].header);
	for (size_t i = 1; i < edit->nr_sections && !r; i++) {
		struct edit_section *section = &edit->sections[i];

		if (section->added.data)
			r = place_bytes(tail, base, section->added.data,
					section->added.size, &section->header);
	}
	return r ?: place_headers(edit, tail, base,
				  (Elf64_Ehdr *)edit->bytes.data);
}

int edit_save(struct object_edit *edit, const char *path, struct hf_diag *diag)
{
	const struct elf_file changed = { .data = edit->bytes.data,
					  .size = edit->file->size };
	struct edit_bytes tail = { 0 };
	size_t next = 1;
	int r;

	number_symbols(edit, true, &next);
	edit_section(edit, edit->symtab)->sh_info = (Elf64_Word)next;
	number_symbols(edit, false, &next);
	r = number_relocations(edit, diag);
	if (!r && build_tail(edit, &tail))
		r = hf_fail(diag, -ENOMEM, "cannot write %s", path);
	if (!r)
		r = elf_save(&changed, path, tail.data, tail.size, 0600, diag);
	free(tail.data);
	return r;
}
