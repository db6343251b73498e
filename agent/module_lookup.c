/*
 * Symbols of a process, the way its own dynamic loader finds them: through the
 * hash tables of each module, in the loader's order of search, versions
 * included. And what the loader has already found: the slots it has filled.
 *
 * Nothing here trusts a table: each walk has an upper bound, each offset stays
 * inside the table it belongs to, and a read that fails ends the search in that
 * module.
 */
#include <elf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/arch/arch.h"
#include "module.h"

#define NAME_SIZE_MAX 4096
#define NR_CHAIN_MAX (1u << 14)
#define NR_VERSIONS_MAX 4096
#define NR_SYMBOLS_MAX (4u << 20)
#define STRINGS_SIZE_MAX (256u << 20)
#define NR_RELOCS_MAX (8u << 20)
#define VERSION_HIDDEN 0x8000u

/* One name looked for in one module after the other. */
struct lookup {
	const struct process *process;
	const char *name;
	const char *version; /* NULL: the default one */
	uint32_t gnu_hash;
	uint32_t sysv_hash;
};

static uint32_t gnu_hash(const char *name)
{
	uint32_t hash = 5381;

	for (; *name; name++)
		hash = hash * 33 + (unsigned char)*name;
	return hash;
}

static uint32_t sysv_hash(const char *name)
{
	uint32_t hash = 0;

	for (; *name; name++) {
		hash = (hash << 4) + (unsigned char)*name;
		hash ^= (hash >> 24) & 0xf0;
	}
	return hash & 0x0fffffff;
}

/* Whether the string at @offset of the module's string table is @text. */
static bool string_is(const struct process *process,
		      const struct module *module, uint64_t offset,
		      const char *text)
{
	char found[NAME_SIZE_MAX];
	size_t size = strlen(text) + 1;

	if (size > sizeof(found) || offset >= module->tables.strings_size ||
	    size > module->tables.strings_size - offset)
		return false;
	return !process_read(process, module->tables.strings + offset, found,
			     size) &&
	       !memcmp(found, text, size);
}

/* Name of version @index as a definition of this module. */
static int version_defined(const struct process *process,
			   const struct module *module, uint16_t index,
			   uint64_t *ret_name)
{
	hf_addr at = module->tables.verdef;

	for (size_t n = 0; at && n < NR_VERSIONS_MAX; n++) {
		Elf64_Verdaux name;
		Elf64_Verdef entry;

		if (process_read(process, at, &entry, sizeof(entry)))
			return -ENOENT;
		if ((entry.vd_ndx & ~VERSION_HIDDEN) == index) {
			if (process_read(process, at + entry.vd_aux, &name,
					 sizeof(name)))
				return -ENOENT;
			*ret_name = name.vda_name;
			return 0;
		}
		at = entry.vd_next ? at + entry.vd_next : 0;
	}
	return -ENOENT;
}

static int version_of_need(const struct process *process, hf_addr at,
			   size_t nr, uint16_t index, uint64_t *ret_name)
{
	for (size_t n = 0; n < nr && n < NR_VERSIONS_MAX; n++) {
		Elf64_Vernaux entry;

		if (process_read(process, at, &entry, sizeof(entry)))
			return -ENOENT;
		if ((entry.vna_other & ~VERSION_HIDDEN) == index) {
			*ret_name = entry.vna_name;
			return 0;
		}
		if (!entry.vna_next)
			return -ENOENT;
		at += entry.vna_next;
	}
	return -ENOENT;
}

/* Name of version @index as a need. A program's copy of a library's variable
 * (copy relocation) has the version that it needs, not one that it defines. */
static int version_needed(const struct process *process,
			  const struct module *module, uint16_t index,
			  uint64_t *ret_name)
{
	hf_addr at = module->tables.verneed;

	for (size_t n = 0; at && n < NR_VERSIONS_MAX; n++) {
		Elf64_Verneed entry;

		if (process_read(process, at, &entry, sizeof(entry)))
			return -ENOENT;
		if (!version_of_need(process, at + entry.vn_aux, entry.vn_cnt,
				     index, ret_name))
			return 0;
		at = entry.vn_next ? at + entry.vn_next : 0;
	}
	return -ENOENT;
}

/* As the loader does it: an unversioned definition serves any request, a
 * request without version takes what is not hidden. */
static bool version_matches(const struct process *process,
			    const struct module *module, uint64_t symbol,
			    const char *version)
{
	uint64_t name;
	uint16_t index;
	bool hidden;

	if (!module->tables.versym)
		return true;
	if (process_read(process, module->tables.versym + 2 * symbol, &index,
			 sizeof(index)))
		return false;
	hidden = index & VERSION_HIDDEN;
	index &= (uint16_t)~VERSION_HIDDEN;
	if (!version || index <= VER_NDX_GLOBAL)
		return !hidden;
	if (version_defined(process, module, index, &name) &&
	    version_needed(process, module, index, &name))
		return false;
	return string_is(process, module, name, version);
}

static bool symbol_is_definition(const Elf64_Sym *symbol)
{
	unsigned char type = ELF64_ST_TYPE(symbol->st_info);
	unsigned char binding = ELF64_ST_BIND(symbol->st_info);

	if (symbol->st_shndx == SHN_UNDEF ||
	    (!symbol->st_value && type != STT_TLS))
		return false;
	if (binding != STB_GLOBAL && binding != STB_WEAK &&
	    binding != STB_GNU_UNIQUE)
		return false;
	return type == STT_NOTYPE || type == STT_OBJECT || type == STT_FUNC ||
	       type == STT_COMMON || type == STT_TLS || type == STT_GNU_IFUNC;
}

/* Whether symbol @index of a hash chain is what we look for. */
static bool symbol_matches(const struct lookup *lookup,
			   const struct module *module, uint64_t index,
			   Elf64_Sym *ret_symbol)
{
	Elf64_Sym symbol;

	if (index >= NR_SYMBOLS_MAX ||
	    process_read(lookup->process,
			 module->tables.symbols + index * sizeof(symbol),
			 &symbol, sizeof(symbol)) ||
	    !symbol_is_definition(&symbol) ||
	    !string_is(lookup->process, module, symbol.st_name, lookup->name) ||
	    !version_matches(lookup->process, module, index, lookup->version))
		return false;
	*ret_symbol = symbol;
	return true;
}

/*
 *   nr_buckets, first_symbol, nr_bloom, bloom_shift   32 bits each
 *   bloom[nr_bloom]      64 bits each: may the module have the name at all?
 *   buckets[nr_buckets]  32 bits each: first symbol of a chain, 0: none
 *   chain[]              32 bits each, by symbol: hash, bit 0 set at its end
 */
struct gnu_hash_header {
	uint32_t nr_buckets, first_symbol, nr_bloom, bloom_shift;
};

static int gnu_hash_first(const struct lookup *lookup,
			  const struct module *module,
			  const struct gnu_hash_header *header,
			  uint32_t *ret_index)
{
	hf_addr table = module->tables.gnu_hash + sizeof(*header);
	uint32_t hash = lookup->gnu_hash;
	uint64_t bloom;
	uint64_t wanted = (1ull << (hash % 64)) |
			  (1ull << ((hash >> (header->bloom_shift & 31)) % 64));

	if (process_read(lookup->process,
			 table + 8ull * ((hash / 64) & (header->nr_bloom - 1)),
			 &bloom, sizeof(bloom)) ||
	    (bloom & wanted) != wanted)
		return -ENOENT;
	table += 8ull * header->nr_bloom;
	if (process_read(lookup->process,
			 table + 4ull * (hash % header->nr_buckets), ret_index,
			 sizeof(*ret_index)) ||
	    *ret_index < header->first_symbol)
		return -ENOENT;
	return 0;
}

static int lookup_gnu_hash(const struct lookup *lookup,
			   const struct module *module, Elf64_Sym *ret_symbol)
{
	struct gnu_hash_header header;
	uint32_t index, hash;
	hf_addr chain;

	if (process_read(lookup->process, module->tables.gnu_hash, &header,
			 sizeof(header)) ||
	    !header.nr_buckets || !header.nr_bloom ||
	    header.nr_bloom & (header.nr_bloom - 1) ||
	    gnu_hash_first(lookup, module, &header, &index))
		return -ENOENT;
	chain = module->tables.gnu_hash + sizeof(header) +
		8ull * header.nr_bloom + 4ull * header.nr_buckets;
	for (size_t n = 0; n < NR_CHAIN_MAX; n++, index++) {
		if (process_read(lookup->process,
				 chain + 4ull * (index - header.first_symbol),
				 &hash, sizeof(hash)))
			return -ENOENT;
		if ((hash | 1) == (lookup->gnu_hash | 1) &&
		    symbol_matches(lookup, module, index, ret_symbol))
			return 0;
		if (hash & 1)
			return -ENOENT;
	}
	return -ENOENT;
}

/* nr_buckets, nr_chain, buckets[nr_buckets], chain[nr_chain]: 32 bits each. */
static int lookup_sysv_hash(const struct lookup *lookup,
			    const struct module *module, Elf64_Sym *ret_symbol)
{
	hf_addr table = module->tables.hash + 8;
	uint32_t header[2], index;

	if (process_read(lookup->process, module->tables.hash, header,
			 sizeof(header)) ||
	    !header[0] ||
	    process_read(lookup->process,
			 table + 4ull * (lookup->sysv_hash % header[0]), &index,
			 sizeof(index)))
		return -ENOENT;
	table += 4ull * header[0];
	for (size_t n = 0; index && index < header[1] && n < NR_CHAIN_MAX; n++) {
		if (symbol_matches(lookup, module, index, ret_symbol))
			return 0;
		if (process_read(lookup->process, table + 4ull * index, &index,
				 sizeof(index)))
			return -ENOENT;
	}
	return -ENOENT;
}

static int lookup_in_module(const struct lookup *lookup,
			    const struct module *module, Elf64_Sym *ret_symbol)
{
	if (!module->tables.symbols || !module->tables.strings)
		return -ENOENT;
	if (module->tables.gnu_hash)
		return lookup_gnu_hash(lookup, module, ret_symbol);
	if (module->tables.hash)
		return lookup_sysv_hash(lookup, module, ret_symbol);
	return -ENOENT;
}

static void symbol_translate(const struct module *module,
			     const Elf64_Sym *symbol,
			     struct module_symbol *ret_symbol)
{
	unsigned char type = ELF64_ST_TYPE(symbol->st_info);
	bool is_biased = type != STT_TLS && symbol->st_shndx != SHN_ABS;

	*ret_symbol = (struct module_symbol){
		.address = symbol->st_value + (is_biased ? module->bias : 0),
		.size = symbol->st_size,
		.type = type,
		.binding = ELF64_ST_BIND(symbol->st_info),
	};
}

int modules_lookup(const struct process *process, const struct modules *modules,
		   const char *name, const char *version,
		   struct module_symbol *ret_symbol,
		   const struct module **ret_module, struct hf_diag *diag)
{
	const struct lookup lookup = {
		.process = process,
		.name = name,
		.version = version,
		.gnu_hash = gnu_hash(name),
		.sysv_hash = sysv_hash(name),
	};

	for (size_t i = 0; i < modules->nr_search; i++) {
		const struct module *module =
			&modules->entries[modules->search[i]];
		Elf64_Sym symbol;

		if (lookup_in_module(&lookup, module, &symbol))
			continue;
		symbol_translate(module, &symbol, ret_symbol);
		if (ret_module)
			*ret_module = module;
		return 0;
	}
	return hf_error(diag, -ENOENT, "symbol-missing",
			"no module of the process exports %s%s%s", name,
			version ? "@" : "", version ? version : "");
}

/* The symbols of a module that its relocations may name, read at one go. */
struct symbol_table {
	Elf64_Sym *symbols;
	size_t nr;
	char *strings;
	uint64_t strings_size;
};

static void symbol_table_release(struct symbol_table *table)
{
	free(table->symbols);
	free(table->strings);
}

/* Nothing says how many symbols there are; every linker puts the strings
 * somewhere behind them, and the module's end is behind both. */
static size_t symbols_count_max(const struct module *module)
{
	hf_addr start = module->tables.symbols;
	hf_addr end = module->tables.strings > start ? module->tables.strings
						     : module->range.end;
	uint64_t nr = (end - start) / sizeof(Elf64_Sym);

	return nr < NR_SYMBOLS_MAX ? nr : NR_SYMBOLS_MAX;
}

static int symbol_table_read(const struct process *process,
			     const struct module *module,
			     struct symbol_table *ret_table)
{
	owned(free_p) Elf64_Sym *symbols = NULL;
	owned(free_p) char *strings = NULL;
	uint64_t strings_size = module->tables.strings_size;
	size_t nr;

	if (!module->tables.symbols || !strings_size ||
	    strings_size > STRINGS_SIZE_MAX)
		return -ENOENT;
	nr = symbols_count_max(module);
	symbols = calloc(nr + 1, sizeof(*symbols));
	strings = malloc(strings_size);
	if (!symbols || !strings)
		return -ENOMEM;
	if (process_read(process, module->tables.symbols, symbols,
			 nr * sizeof(*symbols)) ||
	    process_read(process, module->tables.strings, strings,
			 strings_size))
		return -ENOENT;
	/* The last string ends in any case. */
	strings[strings_size - 1] = '\0';

	ret_table->symbols = take_ptr(symbols);
	ret_table->nr = nr;
	ret_table->strings = take_ptr(strings);
	ret_table->strings_size = strings_size;
	return 0;
}

/* A table of relocations, read in pieces. */
struct reloc_walk {
	const struct process *process;
	hf_addr next;
	uint64_t nr_left;
	size_t nr, i;
	Elf64_Rela piece[512];
};

static void reloc_walk_begin(struct reloc_walk *walk,
			     const struct process *process, hf_addr table,
			     uint64_t size, uint64_t nr_skipped)
{
	uint64_t nr = table ? size / sizeof(Elf64_Rela) : 0;

	if (nr_skipped > nr)
		nr_skipped = nr;
	walk->process = process;
	walk->next = table + nr_skipped * sizeof(Elf64_Rela);
	walk->nr_left = nr - nr_skipped;
	if (walk->nr_left > NR_RELOCS_MAX)
		walk->nr_left = NR_RELOCS_MAX;
	walk->nr = walk->i = 0;
}

static const Elf64_Rela *reloc_walk_next(struct reloc_walk *walk)
{
	if (walk->i == walk->nr) {
		walk->nr = walk->nr_left < ARRAY_SIZE(walk->piece) ?
				   walk->nr_left :
				   ARRAY_SIZE(walk->piece);
		walk->i = 0;
		if (!walk->nr || process_read(walk->process, walk->next,
					      walk->piece,
					      walk->nr * sizeof(Elf64_Rela))) {
			walk->nr = walk->nr_left = 0;
			return NULL;
		}
		walk->next += walk->nr * sizeof(Elf64_Rela);
		walk->nr_left -= walk->nr;
	}
	return &walk->piece[walk->i++];
}

/* The value of a slot of @module, if it has one. */
static int slot_read(const struct process *process, const struct module *module,
		     const Elf64_Rela *reloc, hf_addr *ret_value)
{
	hf_addr slot = module->bias + reloc->r_offset;

	if (!range_contains(&module->range, slot) ||
	    !range_contains(&module->range, slot + 7))
		return -ENOENT;
	return process_read(process, slot, ret_value, sizeof(*ret_value)) ?
		       -ENOENT : 0;
}

/* What a slot holds, if it is bound: not yet bound ones lead to the PLT of
 * their own module, and so does a slot for a module's own function, which we
 * can do without. */
static int slot_bound(const struct process *process,
		      const struct modules *modules,
		      const struct module *module, const Elf64_Rela *reloc,
		      hf_addr *ret_address)
{
	const struct module *owner;
	hf_addr value;

	if (slot_read(process, module, reloc, &value))
		return -ENOENT;
	owner = modules_find(modules, value);
	if (!owner || owner == module || !range_contains(&owner->text, value))
		return -ENOENT;
	*ret_address = value;
	return 0;
}

static bool reloc_names(const struct lookup *lookup,
			const struct module *module,
			const struct symbol_table *table, const struct arch *arch,
			const Elf64_Rela *reloc)
{
	uint64_t index = ELF64_R_SYM(reloc->r_info);
	uint32_t type = (uint32_t)ELF64_R_TYPE(reloc->r_info);
	uint64_t name;

	if (!index || index >= table->nr || reloc->r_addend ||
	    arch->reloc_class(type) != RELOC_ABSOLUTE)
		return false;
	name = table->symbols[index].st_name;
	if (name >= table->strings_size ||
	    strcmp(table->strings + name, lookup->name))
		return false;
	return !lookup->version ||
	       version_matches(lookup->process, module, index, lookup->version);
}

static int slot_in_module(const struct lookup *lookup,
			  const struct modules *modules,
			  const struct module *module, hf_addr *ret_address)
{
	const struct module_tables *tables = &module->tables;
	const struct arch *arch = arch_find(module->machine);
	struct symbol_table table;
	struct reloc_walk walk;
	const Elf64_Rela *reloc;
	int r = -ENOENT;

	if (!arch || !(tables->jmprel || tables->rela))
		return -ENOENT;
	if (symbol_table_read(lookup->process, module, &table))
		return -ENOENT;
	reloc_walk_begin(&walk, lookup->process, tables->jmprel,
			 tables->jmprel_size, 0);
	while (r && (reloc = reloc_walk_next(&walk)))
		if (reloc_names(lookup, module, &table, arch, reloc))
			r = slot_bound(lookup->process, modules, module, reloc,
				       ret_address);
	reloc_walk_begin(&walk, lookup->process, tables->rela,
			 tables->rela_size, tables->nr_relative);
	while (r && (reloc = reloc_walk_next(&walk)))
		if (reloc_names(lookup, module, &table, arch, reloc))
			r = slot_bound(lookup->process, modules, module, reloc,
				       ret_address);
	symbol_table_release(&table);
	return r;
}

int modules_resolved_slot(const struct process *process,
			  const struct modules *modules, const char *name,
			  const char *version, hf_addr *ret_address,
			  struct hf_diag *diag)
{
	const struct lookup lookup = {
		.process = process,
		.name = name,
		.version = version,
	};

	for (size_t i = 0; i < modules->nr_search; i++) {
		const struct module *module =
			&modules->entries[modules->search[i]];

		if (!slot_in_module(&lookup, modules, module, ret_address))
			return 0;
	}
	return hf_error(diag, -ENOENT, "ifunc-unresolved",
			"no module of the process has %s bound yet", name);
}

static uint32_t irelative_type(uint16_t machine)
{
	switch (machine) {
	case EM_X86_64:
		return R_X86_64_IRELATIVE;
	case EM_AARCH64:
		return R_AARCH64_IRELATIVE;
	default:
		return UINT32_MAX;
	}
}

static int irelative_in_table(const struct process *process,
			      const struct module *module, hf_addr table,
			      uint64_t size, uint64_t nr_skipped,
			      hf_addr resolver, hf_addr *ret_address)
{
	uint32_t type = irelative_type(module->machine);
	struct reloc_walk walk;
	const Elf64_Rela *reloc;
	hf_addr value;

	reloc_walk_begin(&walk, process, table, size, nr_skipped);
	while ((reloc = reloc_walk_next(&walk))) {
		if ((uint32_t)ELF64_R_TYPE(reloc->r_info) != type ||
		    module->bias + (uint64_t)reloc->r_addend != resolver ||
		    slot_read(process, module, reloc, &value))
			continue;
		if (value == resolver || !range_contains(&module->text, value))
			continue;
		*ret_address = value;
		return 0;
	}
	return -ENOENT;
}

int module_resolved_ifunc(const struct process *process,
			  const struct module *module, hf_addr resolver,
			  hf_addr *ret_address)
{
	const struct module_tables *tables = &module->tables;

	if (!irelative_in_table(process, module, tables->jmprel,
				tables->jmprel_size, 0, resolver, ret_address))
		return 0;
	return irelative_in_table(process, module, tables->rela,
				  tables->rela_size, tables->nr_relative,
				  resolver, ret_address);
}
