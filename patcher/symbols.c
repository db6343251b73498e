#include "symbols.h"

#include <errno.h>
#include <string.h>

#define NEAR_MAX 5
#define GAP_MAX 256

enum symbol_class symbol_class(const struct symbol *symbol)
{
	switch (symbol->type) {
	case STT_FUNC:
	case STT_GNU_IFUNC:
		return SYMBOL_FUNCTION;
	case STT_OBJECT:
	case STT_COMMON:
		return SYMBOL_DATA;
	case STT_TLS:
		return SYMBOL_TLS;
	default:
		return SYMBOL_OTHER;
	}
}

const char *symbol_class_name(enum symbol_class class)
{
	switch (class) {
	case SYMBOL_FUNCTION:
		return "a function";
	case SYMBOL_DATA:
		return "a variable";
	case SYMBOL_TLS:
		return "a thread-local variable";
	default:
		return "a label";
	}
}

static bool in_code(const struct symbols *symbols, const struct symbol *symbol)
{
	const Elf64_Shdr *section =
		elf_section_at(symbols->target->file, symbol->section);

	return section && section->sh_flags & SHF_EXECINSTR &&
	       symbol->type != STT_TLS;
}

static int by_address(const void *a, const void *b)
{
	const struct symbol *left = *(struct symbol *const *)a;
	const struct symbol *right = *(struct symbol *const *)b;

	if (left->vaddr != right->vaddr)
		return left->vaddr < right->vaddr ? -1 : 1;
	return 0;
}

static int index_code(struct symbols *symbols)
{
	symbols->code = calloc(symbols->nr + 1, sizeof(*symbols->code));
	if (!symbols->code)
		return -ENOMEM;
	for (size_t i = 0; i < symbols->nr; i++)
		if (in_code(symbols, &symbols->entries[i]))
			symbols->code[symbols->nr_code++] =
				&symbols->entries[i];
	qsort(symbols->code, symbols->nr_code, sizeof(*symbols->code),
	      by_address);
	return 0;
}

/* NAME@VERSION and NAME@@VERSION are NAME; our copy of the file is private. */
static const char *cut_version(const char *name)
{
	char *at = strchr(name, '@');

	if (at && at > name)
		*at = '\0';
	return name;
}

static bool is_wanted(const Elf64_Sym *entry)
{
	switch (ELF64_ST_TYPE(entry->st_info)) {
	case STT_SECTION:
	case STT_FILE:
		return false;
	}
	return entry->st_shndx != SHN_UNDEF && entry->st_shndx != SHN_ABS;
}

static int read_table(struct symbols *symbols, const struct elf_file *file,
		      uint32_t type)
{
	struct elf_symbols table = elf_symbols(file, type);
	const char *source = NULL;
	uint32_t group = 0;

	symbols->entries = calloc(table.nr + 1, sizeof(*symbols->entries));
	if (!symbols->entries)
		return -ENOMEM;
	for (size_t i = 1; i < table.nr; i++) {
		const Elf64_Sym *entry = &table.entries[i];
		unsigned char binding = ELF64_ST_BIND(entry->st_info);
		const char *name = elf_symbol_name(file, &table, i);

		if (ELF64_ST_TYPE(entry->st_info) == STT_FILE) {
			source = *name ? name : NULL;
			group++;
		}
		if (!*name || !is_wanted(entry))
			continue;
		symbols->entries[symbols->nr++] = (struct symbol){
			.name = cut_version(name),
			.file = binding == STB_LOCAL ? source : NULL,
			.group = binding == STB_LOCAL && source ? group : 0,
			.vaddr = entry->st_value,
			.size = entry->st_size,
			.section = entry->st_shndx,
			.type = ELF64_ST_TYPE(entry->st_info),
			.binding = binding,
		};
	}
	return 0;
}

/* `strip -x` leaves a table without them; the C run-time always has some. */
static bool has_static_functions(const struct symbols *symbols)
{
	for (size_t i = 0; i < symbols->nr; i++)
		if (symbols->entries[i].binding == STB_LOCAL &&
		    symbols->entries[i].type == STT_FUNC)
			return true;
	return false;
}

int symbols_read(const struct target *target, const struct debuginfo *debuginfo,
		 struct symbols *ret_symbols, struct hf_diag *diag)
{
	struct symbols symbols = { .target = target, .debuginfo = debuginfo };
	const struct elf_file *separate = debuginfo_symbol_file(debuginfo);
	int r;

	symbols.complete = true;
	if (elf_symbols(target->file, SHT_SYMTAB).nr) {
		r = read_table(&symbols, target->file, SHT_SYMTAB);
	} else if (separate && elf_symbols(separate, SHT_SYMTAB).nr) {
		r = read_table(&symbols, separate, SHT_SYMTAB);
	} else {
		symbols.complete = false;
		r = read_table(&symbols, target->file, SHT_DYNSYM);
	}
	symbols.complete = symbols.complete && has_static_functions(&symbols);
	if (!r)
		r = index_code(&symbols);
	if (r) {
		symbols_release(&symbols);
		return hf_fail(diag, r, "cannot read the symbols of %s",
			       target->file->path);
	}
	*ret_symbols = symbols;
	return 0;
}

void symbols_release(struct symbols *symbols)
{
	free(symbols->entries);
	free(symbols->code);
	*symbols = (struct symbols){ 0 };
}

const char *symbol_source(const struct symbols *symbols,
			  const struct symbol *symbol)
{
	const char *source = NULL;

	if (symbol->type != STT_TLS)
		source = debuginfo_source(symbols->debuginfo, symbol->vaddr);
	return source ?: symbol->file;
}

static bool is_path_suffix(const char *path, const char *suffix)
{
	size_t path_size = strlen(path), suffix_size = strlen(suffix);
	const char *start = path + path_size - suffix_size;

	return suffix_size <= path_size && !strcmp(start, suffix) &&
	       (start == path || start[-1] == '/' || *suffix == '/');
}

bool source_matches(const char *path, const char *suffix)
{
	if (!suffix || !*suffix)
		return true;
	if (!path)
		return false;
	return is_path_suffix(path, suffix) ||
	       (!strchr(path, '/') && is_path_suffix(suffix, path));
}

static bool has_match_at(const struct symbol_matches *matches,
			 const struct symbol *symbol)
{
	for (size_t i = 0; i < matches->nr; i++)
		if (matches->entries[i]->vaddr == symbol->vaddr &&
		    matches->entries[i]->type == symbol->type)
			return true;
	return false;
}

static int find_pass(const struct symbols *symbols, const char *name,
		     bool (*fits)(const char *, const char *),
		     const char *source, struct symbol_matches *matches)
{
	for (size_t i = 0; i < symbols->nr; i++) {
		const struct symbol *symbol = &symbols->entries[i];
		const struct symbol **match;

		if (strcmp(symbol->name, name) ||
		    !fits(symbol_source(symbols, symbol), source) ||
		    has_match_at(matches, symbol))
			continue;
		match = array_append(matches->entries, matches->nr);
		if (!match)
			return -ENOMEM;
		*match = symbol;
	}
	return 0;
}

static bool is_unknown(const char *path, const char *source)
{
	(void)source;
	return !path;
}

int symbols_find(const struct symbols *symbols, const char *name,
		 const char *source, struct symbol_matches *ret_matches)
{
	struct symbol_matches matches = { 0 };
	int r = find_pass(symbols, name, source_matches, source, &matches);

	/* Without DWARF nothing says where a global one is from. */
	if (!r && !matches.nr && !debuginfo_dwarf(symbols->debuginfo))
		r = find_pass(symbols, name, is_unknown, source, &matches);
	if (r)
		symbol_matches_release(&matches);
	else
		*ret_matches = matches;
	return r;
}

/* Index of the first code symbol above @vaddr. */
static size_t code_above(const struct symbols *symbols, uint64_t vaddr)
{
	size_t low = 0, high = symbols->nr_code;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (symbols->code[middle]->vaddr <= vaddr)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

const struct symbol *symbols_function_at(const struct symbols *symbols,
					 uint64_t vaddr)
{
	for (size_t i = code_above(symbols, vaddr); i-- > 0;) {
		const struct symbol *symbol = symbols->code[i];

		if (symbol_class(symbol) != SYMBOL_FUNCTION)
			continue;
		return vaddr - symbol->vaddr < symbol->size ? symbol : NULL;
	}
	return NULL;
}

/*
 * A label without a size (assembly, the C library's start files) may cover
 * everything up to the next symbol.
 */
static uint64_t end_of(const struct symbols *symbols, size_t index)
{
	const struct symbol *symbol = symbols->code[index];

	if (symbol->size)
		return symbol->vaddr + symbol->size;
	while (++index < symbols->nr_code)
		if (symbols->code[index]->vaddr > symbol->vaddr)
			return symbols->code[index]->vaddr;
	return UINT64_MAX;
}

/* The end of what stands before @vaddr. */
static uint64_t end_before(const struct symbols *symbols, uint64_t vaddr,
			   uint64_t section_start)
{
	uint64_t end = section_start;

	for (size_t i = 0; i < symbols->nr_code; i++) {
		uint64_t stop = end_of(symbols, i);

		if (symbols->code[i]->vaddr >= vaddr)
			break;
		if (symbols->code[i]->vaddr >= section_start && stop > end)
			end = stop;
	}
	return end < vaddr ? end : vaddr;
}

struct symbol_gaps symbols_gaps(const struct symbols *symbols,
				const struct symbol *function)
{
	const Elf64_Shdr *section =
		elf_section_at(symbols->target->file, function->section);
	uint64_t end = function->vaddr + function->size, before, behind;
	size_t next;

	/* Without all names, what looks unused may be a static function. */
	if (!symbols->complete || !section ||
	    function->vaddr < section->sh_addr ||
	    end > section->sh_addr + section->sh_size)
		return (struct symbol_gaps){ 0 };
	before = function->vaddr -
		 end_before(symbols, function->vaddr, section->sh_addr);
	behind = section->sh_addr + section->sh_size;
	next = code_above(symbols, function->vaddr);
	if (next < symbols->nr_code && symbols->code[next]->vaddr < behind)
		behind = symbols->code[next]->vaddr;
	behind = behind > end ? behind - end : 0;
	return (struct symbol_gaps){
		(uint32_t)(before < GAP_MAX ? before : GAP_MAX),
		(uint32_t)(behind < GAP_MAX ? behind : GAP_MAX),
	};
}

/* Edits that lead from one name to the other, up to 64 characters. */
static size_t edit_distance(const char *a, const char *b)
{
	size_t size = strlen(b), row[65];

	if (size > 64 || strlen(a) > 64)
		return SIZE_MAX;
	for (size_t k = 0; k <= size; k++)
		row[k] = k;
	for (size_t i = 1; *a; a++, i++) {
		size_t diagonal = row[0];

		row[0] = i;
		for (size_t k = 1; k <= size; k++) {
			size_t best = diagonal + (*a != b[k - 1]);

			diagonal = row[k];
			if (row[k] + 1 < best)
				best = row[k] + 1;
			if (row[k - 1] + 1 < best)
				best = row[k - 1] + 1;
			row[k] = best;
		}
	}
	return row[size];
}

static bool is_near(const char *name, const char *candidate)
{
	size_t size = strlen(name);

	if (size >= 4 && strstr(candidate, name))
		return true;
	return edit_distance(name, candidate) <= (size < 4 ? 1 : size / 4 + 1);
}

int symbols_near(const struct symbols *symbols, const char *name,
		 struct strings *near)
{
	for (size_t i = 0; i < symbols->nr && near->nr < NEAR_MAX; i++) {
		const struct symbol *symbol = &symbols->entries[i];
		const char *source;
		int r;

		if (symbol_class(symbol) == SYMBOL_OTHER ||
		    !is_near(name, symbol->name))
			continue;
		source = symbol_source(symbols, symbol);
		r = source ? strings_addf(near, "%s (%s)", symbol->name,
					  source) :
			     strings_add(near, symbol->name);
		if (r)
			return r;
	}
	return 0;
}
