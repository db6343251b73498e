/*
 * Sections cut into items.
 *
 *	plain section     symbols are the borders     | f      | pad | g    |
 *	mergeable one     its entries are             | "a\0" | "bcd\0" | …
 *
 * A symbol with a size covers that much; labels inside of it are no borders.
 * One without reaches to the next. What no symbol covers is a table, unless it
 * only aligns what follows: then nothing refers to it, and nothing in it is
 * relocated. The places of all relocations, and those that they lead to, are
 * therefore collected first ("marks").
 */
#include "unit_read.h"

#include <errno.h>
#include <string.h>

/* Those of -mcmodel=medium; glibc 2.36's elf.h lacks it. */
#define SHN_LARGE_COMMON 0xff02

/* A symbol, or a mark, in a section. */
struct place {
	size_t section;
	uint64_t offset;
	size_t symbol;
};

struct places {
	struct place *entries;
	size_t nr;
};

struct cutter {
	struct unit *unit;
	size_t nr_items; /* of unit->item_block */
	struct places symbols;
	struct places marks;
	/* The section that is being cut. */
	size_t section;
	const Elf64_Shdr *header;
	const uint8_t *data; /* NULL: zeros */
	/* Its symbols. */
	const struct place *first, *end;
};

size_t symbol_section(const Elf64_Sym *symbol)
{
	return symbol->st_shndx < SHN_LORESERVE ? symbol->st_shndx : 0;
}

bool symbol_is_common(const Elf64_Sym *symbol)
{
	return symbol->st_shndx == SHN_COMMON ||
	       symbol->st_shndx == SHN_LARGE_COMMON;
}

bool symbol_is_entity(const Elf64_Sym *symbol)
{
	unsigned char type = ELF64_ST_TYPE(symbol->st_info);

	return type != STT_SECTION && type != STT_FILE;
}

bool unit_section_is_modelled(const struct elf_file *file,
			      const Elf64_Shdr *section)
{
	static const char *const not[] = {
		".eh_frame", ".gcc_except_table", ".note", ".sframe",
		".stack_sizes", ".llvm",
	};
	const char *name = elf_section_name(file, section);

	if (!(section->sh_flags & SHF_ALLOC) ||
	    (section->sh_flags & SHF_EXCLUDE) ||
	    section->sh_type == SHT_NOTE || section->sh_type == SHT_GROUP ||
	    section->sh_type == SHT_RELA || section->sh_type == SHT_X86_64_UNWIND)
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(not); i++) {
		size_t size = strlen(not[i]);

		if (!strncmp(name, not[i], size) &&
		    (!name[size] || name[size] == '.'))
			return false;
	}
	return true;
}

Elf64_Shdr *unit_relocated_section(const struct unit *unit,
				   const Elf64_Shdr *relocations)
{
	Elf64_Shdr *section;

	if (relocations->sh_type != SHT_RELA || !relocations->sh_info)
		return NULL;
	section = elf_section_at(unit->file, relocations->sh_info);
	return section && unit_section_is_modelled(unit->file, section) ?
		       section :
		       NULL;
}

static int by_place(const void *a, const void *b)
{
	const struct place *left = a, *right = b;

	if (left->section != right->section)
		return left->section < right->section ? -1 : 1;
	if (left->offset != right->offset)
		return left->offset < right->offset ? -1 : 1;
	if (left->symbol != right->symbol)
		return left->symbol < right->symbol ? -1 : 1;
	return 0;
}

static int places_add(struct places *places, size_t section, uint64_t offset,
		      size_t symbol)
{
	struct place *place = array_append(places->entries, places->nr);

	if (!place)
		return -ENOMEM;
	*place = (struct place){ section, offset, symbol };
	return 0;
}

static void places_sort(struct places *places)
{
	if (places->nr)
		qsort(places->entries, places->nr, sizeof(*places->entries),
		      by_place);
}

/* Or the end, with their number. Where there are none, nothing is allocated. */
static const struct place *place_at(const struct places *places, size_t index)
{
	return places->nr ? places->entries + index : NULL;
}

/* The first place that is not before @section, @offset. */
static const struct place *places_from(const struct places *places,
				       size_t section, uint64_t offset)
{
	struct place key = { section, offset, 0 };
	size_t low = 0, high = places->nr;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (by_place(&places->entries[middle], &key) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return place_at(places, low);
}

static int collect_symbols(struct cutter *cutter, struct hf_diag *diag)
{
	const struct unit *unit = cutter->unit;

	for (size_t i = 1; i < unit->symbols.nr; i++) {
		const Elf64_Sym *symbol = &unit->symbols.entries[i];
		const Elf64_Shdr *section;

		if (!symbol_section(symbol) || !symbol_is_entity(symbol))
			continue;
		section = elf_section_at(unit->file, symbol->st_shndx);
		if (!section || symbol->st_value > section->sh_size)
			return unit_fail_damaged(unit, diag,
						 "a symbol lies outside its "
						 "section");
		if (places_add(&cutter->symbols, symbol->st_shndx,
			       symbol->st_value, i))
			return hf_fail(diag, -ENOMEM, "cannot read %s",
				       unit->path);
	}
	places_sort(&cutter->symbols);
	return 0;
}

/* Both ends of a relocation. */
static int mark(struct cutter *cutter, size_t section, const Elf64_Rela *rela)
{
	const struct unit *unit = cutter->unit;
	size_t index = ELF64_R_SYM(rela->r_info);
	const Elf64_Sym *symbol;
	uint64_t to;
	int r = places_add(&cutter->marks, section, rela->r_offset, 0);

	if (r || index >= unit->symbols.nr)
		return r;
	symbol = &unit->symbols.entries[index];
	if (!symbol_section(symbol))
		return 0;
	/* About: nobody has looked at the instruction yet. */
	to = symbol->st_value + (uint64_t)rela->r_addend;
	if (relocation_is_pc_relative(
		    (uint32_t)ELF64_R_TYPE(rela->r_info)) &&
	    unit->file->sections[section].sh_flags & SHF_EXECINSTR)
		to += 4;
	return places_add(&cutter->marks, symbol->st_shndx, to, 0);
}

static int collect_marks(struct cutter *cutter, struct hf_diag *diag)
{
	const struct elf_file *file = cutter->unit->file;

	for (size_t i = 1; i < file->nr_sections; i++) {
		const Elf64_Shdr *section = &file->sections[i];
		const Elf64_Rela *relas;
		size_t nr;

		if (!unit_relocated_section(cutter->unit, section))
			continue;
		relas = (const void *)elf_section_data(file, section);
		nr = elf_section_entries(section, sizeof(*relas));
		for (size_t k = 0; k < nr; k++)
			if (mark(cutter, section->sh_info, &relas[k]))
				return hf_fail(diag, -ENOMEM, "cannot read %s",
					       cutter->unit->path);
	}
	places_sort(&cutter->marks);
	return 0;
}

static bool is_marked(const struct cutter *cutter, uint64_t start, uint64_t end)
{
	const struct place *place =
		places_from(&cutter->marks, cutter->section, start);

	return place < place_at(&cutter->marks, cutter->marks.nr) &&
	       place->section == cutter->section && place->offset < end;
}

static bool is_compiler_label(const char *name)
{
	return !strncmp(name, ".L", 2);
}

/* Code of a function that is seldom needed: "f.cold", "f.cold.7". */
static bool is_cold_name(const char *name)
{
	const char *cold = strstr(name, ".cold");

	return cold && cold != name && (!cold[5] || cold[5] == '.');
}

static const Elf64_Sym *symbol_of(const struct cutter *cutter,
				  const struct place *place)
{
	return &cutter->unit->symbols.entries[place->symbol];
}

static const char *name_of(const struct cutter *cutter,
			   const struct place *place)
{
	return elf_symbol_name(cutter->unit->file, &cutter->unit->symbols,
			       place->symbol);
}

/* Which of several symbols at one place speaks for it. */
static int symbol_rank(const struct cutter *cutter, const struct place *place)
{
	const Elf64_Sym *symbol = symbol_of(cutter, place);
	unsigned char binding = ELF64_ST_BIND(symbol->st_info);
	int rank = 0;

	if (ELF64_ST_TYPE(symbol->st_info) != STT_NOTYPE && symbol->st_size)
		rank += 8;
	/* What is called by it, not the resolver that it is. */
	if (ELF64_ST_TYPE(symbol->st_info) == STT_GNU_IFUNC)
		rank += 2;
	if (binding == STB_WEAK)
		rank += 2;
	else if (binding != STB_LOCAL)
		rank += 4;
	return rank + !is_compiler_label(name_of(cutter, place));
}

static enum item_kind kind_of(const struct cutter *cutter,
			      const struct place *place,
			      enum item_kind without_name)
{
	const char *name = place ? name_of(cutter, place) : "";
	bool code = cutter->header->sh_flags & SHF_EXECINSTR;

	if (!*name || is_compiler_label(name))
		return without_name;
	if (!code ||
	    ELF64_ST_TYPE(symbol_of(cutter, place)->st_info) == STT_OBJECT)
		return ITEM_VARIABLE;
	return is_cold_name(name) ? ITEM_COLD : ITEM_FUNCTION;
}

static void take_symbol(struct item *item, const struct cutter *cutter,
			const struct place *place)
{
	const Elf64_Sym *symbol = symbol_of(cutter, place);

	const char *name = name_of(cutter, place);

	item->name = *name ? name : NULL;
	item->symbol = place->symbol;
	item->type = ELF64_ST_TYPE(symbol->st_info);
	item->binding = ELF64_ST_BIND(symbol->st_info);
	item->visibility = ELF64_ST_VISIBILITY(symbol->st_other);
}

static int take_aliases(struct item *item, const struct place *first,
			const struct place *end)
{
	if (end - first < 2)
		return 0;
	item->aliases = calloc((size_t)(end - first), sizeof(*item->aliases));
	if (!item->aliases)
		return -ENOMEM;
	for (; first < end; first++)
		if (first->symbol != item->symbol)
			item->aliases[item->nr_aliases++] = first->symbol;
	return 0;
}

static uint64_t alignment_at(const Elf64_Shdr *section, uint64_t offset)
{
	uint64_t alignment = section->sh_addralign ?: 1;
	uint64_t lowest = offset & -offset;

	return offset && lowest < alignment ? lowest : alignment;
}

/* Read-only after relocation counts as read-only. */
static bool is_writable(const struct elf_file *file, const Elf64_Shdr *section)
{
	static const char relro[] = ".data.rel.ro";

	return section->sh_flags & SHF_WRITE &&
	       strncmp(elf_section_name(file, section), relro,
		       sizeof(relro) - 1) != 0;
}

/* [start, end) with the symbols [first, last) at its start. */
static int add_item(struct cutter *cutter, uint64_t start, uint64_t end,
		    const struct place *first, const struct place *last,
		    enum item_kind without_name)
{
	struct unit *unit = cutter->unit;
	const Elf64_Shdr *header = cutter->header;
	const struct place *best = first < last ? first : NULL;
	struct item *item = array_append(unit->item_block, cutter->nr_items);

	if (!item)
		return -ENOMEM;
	for (const struct place *place = first; place < last; place++)
		if (symbol_rank(cutter, place) > symbol_rank(cutter, best))
			best = place;
	item->kind = kind_of(cutter, best, without_name);
	item->section = cutter->section;
	item->offset = start;
	item->size = end - start;
	item->alignment = alignment_at(header, start);
	item->bytes = cutter->data ? cutter->data + start : NULL;
	item->writable = is_writable(unit->file, header);
	item->executable = header->sh_flags & SHF_EXECINSTR;
	item->thread_local = header->sh_flags & SHF_TLS;
	if (!best)
		return 0;
	take_symbol(item, cutter, best);
	return take_aliases(item, first, last);
}

/* What no symbol covers. */
static int add_gap(struct cutter *cutter, uint64_t start, uint64_t end)
{
	if (start == end ||
	    (start && end - start < cutter->header->sh_addralign &&
	     !is_marked(cutter, start, end)))
		return 0;
	return add_item(cutter, start, end, NULL, NULL, ITEM_TABLE);
}

/* A symbol's end, in its section; its start when it has no size. */
static uint64_t symbol_end(const struct cutter *cutter,
			   const struct place *place)
{
	const Elf64_Sym *symbol = symbol_of(cutter, place);
	uint64_t room = cutter->header->sh_size - place->offset;

	if (ELF64_ST_TYPE(symbol->st_info) == STT_NOTYPE)
		return place->offset;
	return place->offset + (symbol->st_size < room ? symbol->st_size : room);
}

/* The symbols that stand where @first does, and the farthest end of them. */
static const struct place *same_place(const struct cutter *cutter,
				      const struct place *first,
				      uint64_t *ret_end)
{
	const struct place *next = first;

	*ret_end = first->offset;
	for (; next < cutter->end && next->offset == first->offset; next++) {
		uint64_t end = symbol_end(cutter, next);

		if (end > *ret_end)
			*ret_end = end;
	}
	return next;
}

/* A label of the assembler's inside code, or inside of what has a size. */
static bool is_border(const struct cutter *cutter, const struct place *place,
		      uint64_t end, uint64_t covered)
{
	if (end > place->offset)
		return true;
	if (place->offset < covered)
		return false;
	return !(cutter->header->sh_flags & SHF_EXECINSTR) ||
	       !is_compiler_label(name_of(cutter, place));
}

/* The next symbols that are a border, from @place on. */
static const struct place *next_border(const struct cutter *cutter,
				       const struct place *place,
				       uint64_t covered)
{
	while (place < cutter->end) {
		uint64_t end;
		const struct place *next = same_place(cutter, place, &end);

		if (is_border(cutter, place, end, covered))
			break;
		place = next;
	}
	return place;
}

static int cut_plain(struct cutter *cutter)
{
	const struct place *place = next_border(cutter, cutter->first, 0);
	uint64_t size = cutter->header->sh_size;
	int r = add_gap(cutter, 0,
			place < cutter->end ? place->offset : size);

	while (!r && place < cutter->end) {
		uint64_t end;
		const struct place *last = same_place(cutter, place, &end);
		const struct place *next = next_border(cutter, last, end);
		uint64_t limit = next < cutter->end ? next->offset : size;

		if (end == place->offset || end > limit)
			end = limit;
		r = add_item(cutter, place->offset, end, place, last,
			     ITEM_TABLE);
		if (!r)
			r = add_gap(cutter, end, limit);
		place = next;
	}
	return r;
}

static bool is_zero(const uint8_t *data, uint64_t size)
{
	for (uint64_t i = 0; i < size; i++)
		if (data[i])
			return false;
	return true;
}

/* The end of the string at @start, behind its NUL. */
static uint64_t string_end(const struct cutter *cutter, uint64_t start)
{
	uint64_t unit = cutter->header->sh_entsize;
	uint64_t size = cutter->header->sh_size;

	while (size - start >= unit) {
		start += unit;
		if (is_zero(cutter->data + start - unit, unit))
			return start;
	}
	return size;
}

/* Zeros that align the next string. */
static uint64_t skip_padding(const struct cutter *cutter, uint64_t offset,
			     const struct place *symbol)
{
	const Elf64_Shdr *header = cutter->header;
	uint64_t alignment = header->sh_addralign ?: 1;

	while (offset < header->sh_size && offset % alignment &&
	       !cutter->data[offset] &&
	       (symbol == cutter->end || symbol->offset != offset))
		offset++;
	return offset;
}

static uint64_t entry_end(const struct cutter *cutter, uint64_t start)
{
	const Elf64_Shdr *header = cutter->header;
	uint64_t left = header->sh_size - start;

	if (header->sh_flags & SHF_STRINGS)
		return string_end(cutter, start);
	return start + (header->sh_entsize < left ? header->sh_entsize : left);
}

/* An entry is at least as long as the named ones in it. */
static int cut_mergeable(struct cutter *cutter)
{
	bool strings = cutter->header->sh_flags & SHF_STRINGS;
	const struct place *place = cutter->first;
	uint64_t start = 0, end;
	int r = 0;

	for (; !r && start < cutter->header->sh_size; start = end) {
		const struct place *first = place, *last;

		end = entry_end(cutter, start);
		while (place < cutter->end && place->offset == start)
			place++;
		last = place;
		for (const struct place *p = first;
		     p < cutter->end && p->offset < end; p++) {
			if (symbol_end(cutter, p) > end)
				end = symbol_end(cutter, p);
			place = p + 1;
		}
		r = add_item(cutter, start, end, first, last,
			     strings ? ITEM_STRING : ITEM_CONSTANT);
		if (strings)
			end = skip_padding(cutter, end, place);
	}
	return r;
}

static int cut_section(struct cutter *cutter, size_t index)
{
	const struct elf_file *file = cutter->unit->file;
	const Elf64_Shdr *header = &file->sections[index];
	const struct place *end =
		place_at(&cutter->symbols, cutter->symbols.nr);

	cutter->section = index;
	cutter->header = header;
	cutter->data = elf_section_data(file, header);
	cutter->first = places_from(&cutter->symbols, index, 0);
	cutter->end = places_from(&cutter->symbols, index + 1, 0);
	if (cutter->first > end)
		cutter->first = end;
	if (!unit_section_is_modelled(file, header)) {
		/* Something may refer to it all the same. */
		if (!is_marked(cutter, 0, UINT64_MAX))
			return 0;
		return add_item(cutter, 0, header->sh_size, NULL, NULL,
				ITEM_TABLE);
	}
	if (!header->sh_size && cutter->first == cutter->end)
		return is_marked(cutter, 0, UINT64_MAX) ?
			       add_item(cutter, 0, 0, NULL, NULL, ITEM_TABLE) :
			       0;
	if (header->sh_flags & SHF_MERGE && header->sh_entsize &&
	    cutter->data)
		return cut_mergeable(cutter);
	return cut_plain(cutter);
}

static int add_loose(struct cutter *cutter, size_t index, bool common)
{
	struct unit *unit = cutter->unit;
	const Elf64_Sym *symbol = &unit->symbols.entries[index];
	const struct place place = { 0, 0, index };
	struct item *item = array_append(unit->item_block, cutter->nr_items);

	if (!item)
		return -ENOMEM;
	take_symbol(item, cutter, &place);
	item->kind = common ? ITEM_VARIABLE : ITEM_EXTERNAL;
	item->section = common ? SHN_COMMON : 0;
	item->size = symbol->st_size;
	item->alignment = common ? symbol->st_value : 1;
	item->writable = common;
	item->thread_local = item->type == STT_TLS;
	return 0;
}

/*
 * Common symbols, then what is undefined or absolute. Symbol 0 is among the
 * latter: a relocation without a symbol refers to address 0.
 */
static int add_loose_all(struct cutter *cutter)
{
	const struct elf_symbols *symbols = &cutter->unit->symbols;
	int r = 0;

	for (int common = 1; common >= 0; common--)
		for (size_t i = 0; i < symbols->nr && !r; i++) {
			const Elf64_Sym *symbol = &symbols->entries[i];

			if (!symbol_section(symbol) &&
			    symbol_is_entity(symbol) &&
			    symbol_is_common(symbol) == common)
				r = add_loose(cutter, i, common);
		}
	return r;
}

static int cut_all(struct cutter *cutter)
{
	size_t nr = cutter->unit->file->nr_sections;
	int r = 0;

	for (size_t i = 1; i < nr && !r; i++)
		r = cut_section(cutter, i);
	return r ?: add_loose_all(cutter);
}

/* From here on the items stand still. */
static int index_items(struct unit *unit, size_t nr_items)
{
	unit->items = calloc(nr_items + 1, sizeof(*unit->items));
	unit->symbol_items =
		calloc(unit->symbols.nr + 1, sizeof(*unit->symbol_items));
	if (!unit->items || !unit->symbol_items)
		return -ENOMEM;
	for (size_t i = 0; i < nr_items; i++)
		unit->items[i] = &unit->item_block[i];
	unit->nr_items = nr_items;
	for (size_t i = 0; i < nr_items; i++)
		if (!unit->items[i]->section ||
		    unit->items[i]->section == SHN_COMMON)
			unit->symbol_items[unit->items[i]->symbol] =
				unit->items[i];
	return 0;
}

static void index_symbols(struct unit *unit)
{
	for (size_t i = 1; i < unit->symbols.nr; i++) {
		const Elf64_Sym *symbol = &unit->symbols.entries[i];

		if (symbol_section(symbol) && symbol_is_entity(symbol))
			unit->symbol_items[i] =
				unit_item_near(unit, symbol->st_shndx,
					       (int64_t)symbol->st_value);
	}
}

static int by_name(const void *a, const void *b, void *context)
{
	const struct unit *unit = context;
	size_t left = *(const size_t *)a, right = *(const size_t *)b;
	int order = strcmp(elf_symbol_name(unit->file, &unit->symbols, left),
			   elf_symbol_name(unit->file, &unit->symbols, right));

	return order ?: left < right ? -1 : left > right;
}

/* Labels inside of items are found, too. */
static int index_names(struct unit *unit)
{
	unit->by_name = calloc(unit->symbols.nr + 1, sizeof(*unit->by_name));
	if (!unit->by_name)
		return -ENOMEM;
	for (size_t i = 1; i < unit->symbols.nr; i++)
		if (unit->symbol_items[i] &&
		    *elf_symbol_name(unit->file, &unit->symbols, i))
			unit->by_name[unit->nr_by_name++] = i;
	qsort_r(unit->by_name, unit->nr_by_name, sizeof(*unit->by_name),
		by_name, unit);
	return 0;
}

int unit_read_items(struct unit *unit, struct hf_diag *diag)
{
	struct cutter cutter = { .unit = unit };
	int r = collect_symbols(&cutter, diag);

	if (!r)
		r = collect_marks(&cutter, diag);
	if (!r) {
		r = cut_all(&cutter);
		/* Also after a failure: what is there must be released. */
		if (!r || unit->item_block)
			r = index_items(unit, cutter.nr_items) ?: r;
		if (!r) {
			index_symbols(unit);
			r = index_names(unit);
		}
		if (r)
			hf_fail(diag, r, "cannot read %s", unit->path);
	}
	free(cutter.symbols.entries);
	free(cutter.marks.entries);
	return r;
}
