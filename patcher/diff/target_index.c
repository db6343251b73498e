#include "target_alike.h"

#include <errno.h>
#include <search.h>
#include <string.h>

#ifndef SHT_RELR
#define SHT_RELR 19
#endif

struct relocated {
	uint64_t vaddr;
	const struct elf_file *file;
	const Elf64_Rela *rela; /* NULL: packed, the addend stands there */
	size_t symbols;		/* section of the symbol table */
};

struct remembered {
	char *name;
	int result;
	struct exported exported;
};

struct target_index {
	const struct symbol **names; /* by name, then the table's order */
	size_t nr_names;
	struct relocated *words; /* by address */
	size_t nr_words;
	bool words_read;
	const char **imports; /* sorted */
	size_t nr_imports;
	bool imports_read;
	void *exported; /* tree of struct remembered */
	struct target_alike *alike;
	bool entered;
};

int target_index_new(struct target_index **ret_index, struct hf_diag *diag)
{
	struct target_index *index = calloc(1, sizeof(*index));

	if (!index)
		return hf_fail(diag, -ENOMEM, "cannot read the target");
	*ret_index = index;
	return 0;
}

static void free_remembered(void *pointer)
{
	struct remembered *remembered = pointer;

	free(remembered->name);
	free(remembered);
}

void target_index_free(struct target_index *index)
{
	if (!index)
		return;
	free(index->names);
	free(index->words);
	free(index->imports);
	tdestroy(index->exported, free_remembered);
	target_alike_free(index->alike);
	free(index);
}

/* ---- names -------------------------------------------------------------- */

static int by_name(const void *a, const void *b)
{
	const struct symbol *left = *(const struct symbol *const *)a;
	const struct symbol *right = *(const struct symbol *const *)b;
	int order = strcmp(left->name, right->name);

	/* All of them are elements of one array. */
	return order ?: left < right ? -1 : left > right;
}

static int index_names(const struct build *build)
{
	struct target_index *index = build->index;
	const struct symbols *symbols = &build->symbols;
	const struct symbol **names =
		reallocarray(NULL, symbols->nr + 1, sizeof(*names));

	if (!names)
		return -ENOMEM;
	for (size_t i = 0; i < symbols->nr; i++)
		names[i] = &symbols->entries[i];
	qsort(names, symbols->nr, sizeof(*names), by_name);
	index->names = names;
	index->nr_names = symbols->nr;
	return 0;
}

/* The first entry that is not below @name. */
static size_t first_named(const struct target_index *index, const char *name)
{
	size_t low = 0, high = index->nr_names;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (strcmp(index->names[middle]->name, name) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

int target_find(const struct build *build, const char *name,
		struct named *ret_named)
{
	struct target_index *index = build->index;
	int r = index->names ? 0 : index_names(build);
	size_t first, end;

	if (r)
		return r;
	first = end = first_named(index, name);
	while (end < index->nr_names && !strcmp(index->names[end]->name, name))
		end++;
	*ret_named = (struct named){ index->names + first, end - first };
	return 0;
}

bool named_has(const struct named *named, uint64_t vaddr)
{
	for (size_t i = 0; i < named->nr; i++)
		if (named->symbols[i]->vaddr == vaddr &&
		    named->symbols[i]->type != STT_TLS)
			return true;
	return false;
}

bool target_is_named(const struct build *build, const char *name,
		     uint64_t vaddr)
{
	struct named named;

	return !target_find(build, name, &named) && named_has(&named, vaddr);
}

/* ---- of its libraries --------------------------------------------------- */

static int by_remembered(const void *a, const void *b)
{
	const struct remembered *left = a, *right = b;

	return strcmp(left->name, right->name);
}

static struct remembered *remember(const struct build *build, const char *name)
{
	struct remembered *entry = calloc(1, sizeof(*entry));

	if (!entry)
		return NULL;
	entry->name = strdup(name);
	if (!entry->name ||
	    !tsearch(entry, &build->index->exported, by_remembered)) {
		free_remembered(entry);
		return NULL;
	}
	entry->result = libraries_find(&build->libraries, build->target, name,
				       &entry->exported);
	return entry;
}

int target_find_exported(const struct build *build, const char *name,
			 struct exported *ret_exported)
{
	const struct remembered key = { .name = (char *)name };
	struct remembered *const *found =
		tfind(&key, &build->index->exported, by_remembered);
	const struct remembered *entry = found ? *found : remember(build, name);

	if (!entry)
		return -ENOMEM;
	if (!entry->result)
		*ret_exported = entry->exported;
	return entry->result;
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static int read_imports(const struct build *build)
{
	const struct elf_file *file = build->target->file;
	struct elf_symbols symbols = elf_symbols(file, SHT_DYNSYM);
	struct target_index *index = build->index;

	index->imports = calloc(symbols.nr + 1, sizeof(*index->imports));
	if (!index->imports)
		return -ENOMEM;
	for (size_t i = 1; i < symbols.nr; i++)
		if (symbols.entries[i].st_shndx == SHN_UNDEF)
			index->imports[index->nr_imports++] =
				elf_symbol_name(file, &symbols, i);
	qsort(index->imports, index->nr_imports, sizeof(*index->imports),
	      by_text);
	index->imports_read = true;
	return 0;
}

bool target_imports(const struct build *build, const char *name)
{
	struct target_index *index = build->index;

	if (!index->imports_read && read_imports(build))
		return false;
	return bsearch(&name, index->imports, index->nr_imports,
		       sizeof(*index->imports), by_text);
}

/* ---- words that the loader fills in ------------------------------------- */

static int by_vaddr(const void *a, const void *b)
{
	const struct relocated *left = a, *right = b;

	if (left->vaddr != right->vaddr)
		return left->vaddr < right->vaddr ? -1 : 1;
	return 0;
}

static int add_word(struct target_index *index, const struct elf_file *file,
		    uint64_t vaddr, const Elf64_Rela *rela, size_t symbols)
{
	struct relocated *word = array_append(index->words, index->nr_words);

	if (!word)
		return -ENOMEM;
	*word = (struct relocated){ vaddr, file, rela, symbols };
	return 0;
}

static int read_rela(struct target_index *index, const struct elf_file *file,
		     const Elf64_Shdr *section)
{
	const Elf64_Rela *relas = (void *)elf_section_data(file, section);
	size_t nr = elf_section_entries(section, sizeof(*relas));
	int r = 0;

	for (size_t i = 0; i < nr && !r; i++)
		r = add_word(index, file, relas[i].r_offset, &relas[i],
			     section->sh_link);
	return r;
}

/*
 * Packed relative relocations: an even entry is an address; an odd one is a
 * bitmap of the 63 words that follow the last address or bitmap.
 */
static int read_relr(struct target_index *index, const struct elf_file *file,
		     const Elf64_Shdr *section)
{
	const uint8_t *data = elf_section_data(file, section);
	size_t nr = elf_section_entries(section, 8);
	uint64_t next = 0, entry;
	int r = 0;

	for (size_t i = 0; i < nr && !r; i++) {
		memcpy(&entry, data + i * 8, 8);
		if (!(entry & 1)) {
			r = add_word(index, file, entry, NULL, 0);
			next = entry + 8;
			continue;
		}
		for (unsigned int bit = 1; bit < 64 && !r; bit++)
			if (entry >> bit & 1)
				r = add_word(index, file, next + (bit - 1) * 8,
					     NULL, 0);
		next += 63 * 8;
	}
	return r;
}

static int read_words(const struct build *build)
{
	const struct elf_file *file = build->target->file;
	struct target_index *index = build->index;
	int r = 0;

	index->nr_words = 0;
	for (size_t i = 1; i < file->nr_sections && !r; i++) {
		const Elf64_Shdr *section = &file->sections[i];

		if (!(section->sh_flags & SHF_ALLOC))
			continue;
		if (section->sh_type == SHT_RELA)
			r = read_rela(index, file, section);
		else if (section->sh_type == SHT_RELR)
			r = read_relr(index, file, section);
	}
	if (r)
		return r;
	if (index->nr_words)
		qsort(index->words, index->nr_words, sizeof(*index->words),
		      by_vaddr);
	index->words_read = true;
	return 0;
}

static void set_symbol(const struct relocated *relocated,
		       struct target_word *word)
{
	const struct elf_file *file = relocated->file;
	size_t number = ELF64_R_SYM(relocated->rela->r_info);
	const Elf64_Shdr *section = elf_section_at(file, relocated->symbols);
	struct elf_symbols symbols;

	if (!number)
		return;
	word->name = "";
	if (!section || section->sh_type != SHT_DYNSYM)
		return;
	symbols = (struct elf_symbols){
		(void *)elf_section_data(file, section),
		elf_section_entries(section, sizeof(Elf64_Sym)),
		relocated->symbols,
	};
	if (number >= symbols.nr)
		return;
	/* The linker gold names its own TLS block by a local symbol. */
	if (ELF64_ST_BIND(symbols.entries[number].st_info) == STB_LOCAL) {
		if (word->type == R_X86_64_DTPMOD64)
			word->name = NULL;
		return;
	}
	word->name = elf_symbol_name(file, &symbols, number);
	word->defined = symbols.entries[number].st_shndx != SHN_UNDEF;
	word->vaddr = symbols.entries[number].st_value;
}

/* What the file holds there; zeros where it holds nothing (.bss). */
static int read_content(const struct elf_file *file, uint64_t vaddr,
			uint64_t *ret_value)
{
	const uint8_t *bytes = elf_bytes_at(file, vaddr, 8);

	*ret_value = 0;
	if (bytes) {
		memcpy(ret_value, bytes, 8);
		return 0;
	}
	for (size_t i = 0; i < file->nr_segments; i++) {
		const Elf64_Phdr *segment = &file->segments[i];

		if (segment->p_type == PT_LOAD &&
		    vaddr >= segment->p_vaddr + segment->p_filesz &&
		    vaddr - segment->p_vaddr < segment->p_memsz)
			return 0;
	}
	return -ENOENT;
}

int target_word(const struct build *build, uint64_t vaddr,
		struct target_word *ret_word)
{
	struct target_index *index = build->index;
	const struct relocated key = { .vaddr = vaddr }, *found = NULL;
	struct target_word word = { 0 };
	int r = index->words_read ? 0 : read_words(build);

	if (r)
		return r;
	if (index->nr_words)
		found = bsearch(&key, index->words, index->nr_words,
				sizeof(key), by_vaddr);
	if (found && found->rela) {
		word.type = (uint32_t)ELF64_R_TYPE(found->rela->r_info);
		word.value = (uint64_t)found->rela->r_addend;
		set_symbol(found, &word);
	} else {
		r = read_content(build->target->file, vaddr, &word.value);
		word.type = found ? R_X86_64_RELATIVE : R_X86_64_NONE;
	}
	if (!r)
		*ret_word = word;
	return r;
}

/* ---- PLT ---------------------------------------------------------------- */

static bool in_plt(const struct elf_file *file, uint64_t vaddr)
{
	for (size_t i = 1; i < file->nr_sections; i++) {
		const Elf64_Shdr *section = &file->sections[i];
		const char *name;

		if (!(section->sh_flags & SHF_EXECINSTR) ||
		    vaddr < section->sh_addr ||
		    vaddr - section->sh_addr >= section->sh_size)
			continue;
		name = elf_section_name(file, section);
		return !strncmp(name, ".plt", 4) || !strcmp(name, ".iplt");
	}
	return false;
}

/*
 *	f3 0f 1e fa		endbr64		where there is one
 *	f2			bnd		where there is one
 *	ff 25 [slot]		jmp *slot(%rip)
 */
int target_plt_slot(const struct build *build, uint64_t vaddr,
		    uint64_t *ret_slot)
{
	static const uint8_t endbr64[] = { 0xf3, 0x0f, 0x1e, 0xfa };
	const struct elf_file *file = build->target->file;
	const uint8_t *code = elf_bytes_at(file, vaddr, 11);
	size_t at = 0;
	int32_t distance;

	if (!code)
		code = elf_bytes_at(file, vaddr, 6);
	else if (!memcmp(code, endbr64, sizeof(endbr64)))
		at = sizeof(endbr64);
	if (code && code[at] == 0xf2 && elf_bytes_at(file, vaddr, at + 7))
		at++;
	if (!code || code[at] != 0xff || code[at + 1] != 0x25 ||
	    !in_plt(file, vaddr))
		return -ENOENT;
	memcpy(&distance, code + at + 2, sizeof(distance));
	*ret_slot = vaddr + at + 6 + (uint64_t)(int64_t)distance;
	return 0;
}

/* ---- not twice ---------------------------------------------------------- */

struct target_alike **target_index_alike(const struct build *build)
{
	return &build->index->alike;
}

bool target_enter(const struct build *build)
{
	if (build->index->entered)
		return false;
	build->index->entered = true;
	return true;
}

void target_leave(const struct build *build)
{
	build->index->entered = false;
}

bool target_entered(const struct build *build)
{
	return build->index->entered;
}
