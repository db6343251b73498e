/*
 * Modules are recognised by their ELF header in memory: every mapping of the
 * first page of a file (and of what may have replaced it, for programs that
 * copy their text onto huge pages) is tried, and whatever is not plausible is
 * left out. The main program is the one that holds AT_PHDR; if its header is
 * not mapped at all, its program headers alone will do.
 *
 * The memory is the target's to write: every number read from it is checked
 * before it is used as an address, a size or a count.
 */
#include "module.h"

#include <elf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define NR_PHDRS_MAX 128
#define NOTES_SIZE_MAX (64u << 10)
#define NR_DYNAMIC_MAX 1024
#define NR_LINK_MAP_MAX 8192
/* Above any user address of the machines we know. */
#define ADDRESS_LIMIT (1ull << 56)

struct headers {
	uint16_t machine;
	uint16_t type;
	uint64_t entry; /* not biased */
	size_t nr;
	Elf64_Phdr phdrs[NR_PHDRS_MAX];
};

static bool ehdr_is_sane(const Elf64_Ehdr *ehdr)
{
	return !memcmp(ehdr->e_ident, ELFMAG, SELFMAG) &&
	       ehdr->e_ident[EI_CLASS] == ELFCLASS64 &&
	       ehdr->e_ident[EI_DATA] == ELFDATA2LSB &&
	       (ehdr->e_type == ET_EXEC || ehdr->e_type == ET_DYN) &&
	       ehdr->e_phentsize == sizeof(Elf64_Phdr) && ehdr->e_phnum > 0 &&
	       ehdr->e_phnum <= NR_PHDRS_MAX;
}

static int headers_read(const struct process *process,
			const struct mapping *mapping, struct headers *headers)
{
	uint64_t size = mapping->range.end - mapping->range.start;
	Elf64_Ehdr ehdr;
	uint64_t phdrs_size;

	if (process_read(process, mapping->range.start, &ehdr, sizeof(ehdr)) ||
	    !ehdr_is_sane(&ehdr))
		return -ENOENT;
	phdrs_size = ehdr.e_phnum * sizeof(Elf64_Phdr);
	if (ehdr.e_phoff > size || phdrs_size > size - ehdr.e_phoff)
		return -ENOENT;
	if (process_read(process, mapping->range.start + ehdr.e_phoff,
			 headers->phdrs, phdrs_size))
		return -ENOENT;

	headers->machine = ehdr.e_machine;
	headers->type = ehdr.e_type;
	headers->entry = ehdr.e_entry;
	headers->nr = ehdr.e_phnum;
	return 0;
}

/* The segment that begins with the ELF header tells where everything is. */
static int headers_bias(const struct headers *headers, hf_addr start,
			hf_addr *ret_bias)
{
	for (size_t i = 0; i < headers->nr; i++) {
		const Elf64_Phdr *phdr = &headers->phdrs[i];
		hf_addr bias;

		if (phdr->p_type != PT_LOAD || phdr->p_offset >= HF_PAGE_SIZE)
			continue;
		bias = start - (phdr->p_vaddr - phdr->p_offset);
		if (bias % HF_PAGE_SIZE ||
		    (headers->type == ET_EXEC && bias != 0))
			return -ENOENT;
		*ret_bias = bias;
		return 0;
	}
	return -ENOENT;
}

static void range_add(struct range *hull, struct range range)
{
	if (hull->start == hull->end) {
		*hull = range;
		return;
	}
	if (range.start < hull->start)
		hull->start = range.start;
	if (range.end > hull->end)
		hull->end = range.end;
}

/* Where a program header's bytes are in memory; false: nowhere sane. */
static bool phdr_range(const Elf64_Phdr *phdr, hf_addr bias,
		       struct range *ret_range)
{
	hf_addr start = bias + phdr->p_vaddr;

	if (start >= ADDRESS_LIMIT || phdr->p_memsz >= ADDRESS_LIMIT)
		return false;
	ret_range->start = start;
	ret_range->end = start + phdr->p_memsz;
	return true;
}

static bool is_mapped_executable(const struct mappings *mappings, hf_addr at)
{
	const struct mapping *mapping = mappings_find(mappings, at);

	return mapping && (mapping->protection & PROT_EXEC);
}

/*
 * A library that is mapped only to be read (by a debugger, a profiler, a
 * package manager) does not have its text where the program headers say.
 */
static int module_measure(struct module *module, const struct headers *headers,
			  const struct mappings *mappings)
{
	for (size_t i = 0; i < headers->nr; i++) {
		const Elf64_Phdr *phdr = &headers->phdrs[i];
		struct range range;

		if (phdr->p_type != PT_LOAD || !phdr->p_memsz)
			continue;
		if (!phdr_range(phdr, module->bias, &range))
			return -ENOENT;
		if (phdr->p_flags & PF_X) {
			if (!is_mapped_executable(mappings, range.start))
				return -ENOENT;
			range_add(&module->text, range);
		}
		range.start = align_down(range.start, HF_PAGE_SIZE);
		range_add(&module->range, range);
	}
	return module->text.start < module->text.end ? 0 : -ENOENT;
}

static int notes_read(const struct process *process, const struct range *range,
		      uint64_t alignment, struct build_id *ret_id)
{
	/* No allocation: to lack memory must not look like lacking a build-id. */
	uint8_t notes[NOTES_SIZE_MAX];
	uint64_t size = range->end - range->start;

	if (!size || size > sizeof(notes) ||
	    process_read(process, range->start, notes, size))
		return -ENOENT;
	return build_id_from_notes(notes, size, alignment, ret_id);
}

static bool range_within(const struct range *outer, const struct range *inner)
{
	return inner->start >= outer->start && inner->end <= outer->end;
}

static void module_note(const struct process *process, struct module *module,
			const Elf64_Phdr *phdr)
{
	struct range range;

	if (!phdr_range(phdr, module->bias, &range))
		return;
	if (phdr->p_type == PT_TLS) {
		module->has_tls = true;
		module->tls_size = phdr->p_memsz;
		module->tls_alignment = phdr->p_align;
		return;
	}
	if (!range_within(&module->range, &range))
		return;
	if (phdr->p_type == PT_DYNAMIC) {
		module->dynamic = range.start;
		module->dynamic_size = phdr->p_memsz;
	} else if (phdr->p_type == PT_GNU_EH_FRAME) {
		module->eh_frame_hdr = range.start;
		module->eh_frame_hdr_size = phdr->p_memsz;
	} else if (phdr->p_type == PT_NOTE && !module->build_id.size) {
		notes_read(process, &range, phdr->p_align, &module->build_id);
	}
}

/* @value as the loader left it (relocated) or as the file has it. */
static hf_addr table_address(const struct module *module, uint64_t value)
{
	if (!value)
		return 0;
	if (range_contains(&module->range, value))
		return value;
	if (range_contains(&module->range, module->bias + value))
		return module->bias + value;
	return 0;
}

static hf_addr *table_slot(struct module_tables *tables, int64_t tag)
{
	switch (tag) {
	case DT_SYMTAB:
		return &tables->symbols;
	case DT_STRTAB:
		return &tables->strings;
	case DT_GNU_HASH:
		return &tables->gnu_hash;
	case DT_HASH:
		return &tables->hash;
	case DT_VERSYM:
		return &tables->versym;
	case DT_VERDEF:
		return &tables->verdef;
	case DT_VERNEED:
		return &tables->verneed;
	case DT_RELA:
		return &tables->rela;
	case DT_JMPREL:
		return &tables->jmprel;
	default:
		return NULL;
	}
}

static uint64_t *table_number(struct module_tables *tables, int64_t tag)
{
	switch (tag) {
	case DT_STRSZ:
		return &tables->strings_size;
	case DT_RELASZ:
		return &tables->rela_size;
	case DT_RELACOUNT:
		return &tables->nr_relative;
	case DT_PLTRELSZ:
		return &tables->jmprel_size;
	case DT_DEBUG:
		return &tables->debug;
	default:
		return NULL;
	}
}

/* What of [@table, @table + @size) lies in the module. */
static uint64_t table_clip(const struct module *module, hf_addr table,
			   uint64_t size)
{
	uint64_t room = table ? module->range.end - table : 0;

	return size < room ? size : room;
}

static void tables_clip(struct module *module)
{
	struct module_tables *tables = &module->tables;

	tables->strings_size = table_clip(module, tables->strings,
					  tables->strings_size);
	tables->rela_size = table_clip(module, tables->rela, tables->rela_size);
	tables->jmprel_size = table_clip(module, tables->jmprel,
					 tables->jmprel_size);
}

static void soname_read(const struct process *process, struct module *module,
			uint64_t offset)
{
	if (!offset || offset >= module->tables.strings_size ||
	    process_read_string(process, module->tables.strings + offset,
				module->soname, sizeof(module->soname)))
		module->soname[0] = '\0';
}

static void module_tables_read(const struct process *process,
			       struct module *module)
{
	Elf64_Dyn dynamic[NR_DYNAMIC_MAX];
	size_t nr = module->dynamic_size / sizeof(*dynamic);
	uint64_t soname = 0;

	if (!module->dynamic)
		return;
	if (nr > NR_DYNAMIC_MAX)
		nr = NR_DYNAMIC_MAX;
	if (process_read(process, module->dynamic, dynamic,
			 nr * sizeof(*dynamic)))
		return;
	for (size_t i = 0; i < nr && dynamic[i].d_tag != DT_NULL; i++) {
		int64_t tag = dynamic[i].d_tag;
		uint64_t value = dynamic[i].d_un.d_val;
		hf_addr *slot = table_slot(&module->tables, tag);
		uint64_t *number = table_number(&module->tables, tag);

		if (slot)
			*slot = table_address(module, value);
		else if (number)
			*number = value;
		else if (tag == DT_SONAME)
			soname = value;
	}
	tables_clip(module);
	soname_read(process, module, soname);
}

static int module_finish(const struct process *process,
			 const struct mappings *mappings,
			 const struct headers *headers, struct module *module)
{
	if (module_measure(module, headers, mappings))
		return -ENOENT;
	module->machine = headers->machine;
	module->type = headers->type;
	module->entry = module->bias + headers->entry;
	for (size_t i = 0; i < headers->nr; i++)
		module_note(process, module, &headers->phdrs[i]);
	module_tables_read(process, module);
	return 0;
}

/*
 * The first page of a file, or read-only anonymous memory that a program may
 * have put in its place. "[vdso]" is of the second kind.
 */
static bool mapping_may_begin_module(const struct mapping *mapping)
{
	if (!(mapping->protection & PROT_READ))
		return false;
	if (mapping->inode)
		return mapping->offset == 0;
	return !(mapping->protection & PROT_WRITE);
}

static int module_at(const struct process *process,
		     const struct mappings *mappings,
		     const struct mapping *mapping, struct module *module)
{
	struct headers headers;

	if (!mapping_may_begin_module(mapping) ||
	    headers_read(process, mapping, &headers) ||
	    headers_bias(&headers, mapping->range.start, &module->bias))
		return -ENOENT;
	module->path = mapping->path;
	return module_finish(process, mappings, &headers, module);
}

/* Where the main program's own program headers say that they are. */
static hf_addr phdrs_bias(const struct headers *headers, hf_addr address)
{
	for (size_t i = 0; i < headers->nr; i++)
		if (headers->phdrs[i].p_type == PT_PHDR)
			return address - headers->phdrs[i].p_vaddr;
	return 0;
}

/* The main program when no mapping begins with its ELF header. */
static int module_from_auxv(const struct process *process,
			    const struct mappings *mappings,
			    struct module *module)
{
	const struct mapping *mapping;
	struct headers headers;
	uint64_t address, nr, entry;

	if (auxv_read(process, AT_PHDR, &address) ||
	    auxv_read(process, AT_PHNUM, &nr) ||
	    auxv_read(process, AT_ENTRY, &entry) || nr > NR_PHDRS_MAX)
		return -ENOENT;
	mapping = mappings_find(mappings, address);
	if (!mapping || process_read(process, address, headers.phdrs,
				     nr * sizeof(Elf64_Phdr)))
		return -ENOENT;
	headers.nr = nr;
	headers.machine = process->machine;
	module->bias = phdrs_bias(&headers, address);
	headers.type = module->bias ? ET_DYN : ET_EXEC;
	headers.entry = entry - module->bias;
	module->path = mapping->path;
	return module_finish(process, mappings, &headers, module);
}

static int modules_append(struct modules *modules, const struct module *module)
{
	struct module *entries = modules->entries;

	/* Grown at powers of two. */
	if (!(modules->nr & (modules->nr - 1))) {
		size_t capacity = modules->nr ? 2 * modules->nr : 1;

		entries = reallocarray(entries, capacity, sizeof(*entries));
		if (!entries)
			return -ENOMEM;
		modules->entries = entries;
	}
	entries[modules->nr++] = *module;
	return 0;
}

/*
 * A later segment of the module before: of a small file, lld maps the first
 * page, with its ELF header, once for each segment.
 */
static bool is_of_module_before(const struct modules *modules,
				const struct mapping *mapping)
{
	const struct module *before =
		modules->nr ? &modules->entries[modules->nr - 1] : NULL;

	return before && range_contains(&before->range, mapping->range.start) &&
	       !strcmp(before->path, mapping->path);
}

static int modules_scan(const struct process *process,
			const struct mappings *mappings,
			struct modules *modules)
{
	for (size_t i = 0; i < mappings->nr; i++) {
		const struct mapping *mapping = &mappings->entries[i];
		struct module module = { 0 };
		int r;

		if (is_of_module_before(modules, mapping) ||
		    module_at(process, mappings, mapping, &module))
			continue;
		r = modules_append(modules, &module);
		if (r)
			return r;
	}
	return 0;
}

static int module_compare(const void *a, const void *b)
{
	const struct module *left = a, *right = b;

	return (left->range.start > right->range.start) -
	       (left->range.start < right->range.start);
}

static int modules_find_executable(const struct process *process,
				   const struct mappings *mappings,
				   struct modules *modules)
{
	struct module module = { .is_executable = true };
	uint64_t address;
	int r;

	if (auxv_read(process, AT_PHDR, &address))
		return 0;
	for (size_t i = 0; i < modules->nr; i++) {
		if (range_contains(&modules->entries[i].range, address)) {
			modules->entries[i].is_executable = true;
			return 0;
		}
	}
	if (module_from_auxv(process, mappings, &module))
		return 0;
	r = modules_append(modules, &module);
	if (r)
		return r;
	qsort(modules->entries, modules->nr, sizeof(*modules->entries),
	      module_compare);
	return 0;
}

static bool module_is_vdso(const struct module *module)
{
	return !strcmp(module->path, "[vdso]");
}

static void search_add(struct modules *modules, size_t index)
{
	for (size_t i = 0; i < modules->nr_search; i++)
		if (modules->search[i] == index)
			return;
	if (!module_is_vdso(&modules->entries[index]))
		modules->search[modules->nr_search++] = index;
}

/* The loader tells debuggers about itself in the main program's DT_DEBUG. When
 * the loader was itself run as a program, AT_PHDR is the loader's: so try all. */
static hf_addr loader_debug(const struct modules *modules)
{
	hf_addr debug = 0;

	for (size_t i = 0; i < modules->nr; i++) {
		const struct module *module = &modules->entries[i];

		if (module->tables.debug &&
		    (!debug || module->is_executable))
			debug = module->tables.debug;
	}
	return debug;
}

/* struct r_debug of <link.h>, as the target has it. */
struct loader_state {
	int32_t r_version;
	int32_t padding;
	uint64_t r_map, r_brk;
	int32_t r_state; /* 0: RT_CONSISTENT */
};

static bool is_static(const struct modules *modules)
{
	size_t nr = 0;

	for (size_t i = 0; i < modules->nr; i++)
		nr += !module_is_vdso(&modules->entries[i]);
	return nr <= 1;
}

bool modules_loaded(const struct process *process,
		    const struct modules *modules)
{
	hf_addr debug = loader_debug(modules);
	struct loader_state state;

	if (is_static(modules))
		return true;
	return debug &&
	       !process_read(process, debug, &state, sizeof(state)) &&
	       state.r_map && state.r_state == 0;
}

/* <link.h>, as the target has it. */
struct link_map_entry {
	uint64_t l_addr, l_name, l_ld, l_next, l_prev;
};

static void search_from_loader(const struct process *process,
			       struct modules *modules)
{
	hf_addr debug = loader_debug(modules);
	uint64_t next;

	/* r_version and its padding, then r_map. */
	if (!debug || process_read(process, debug + 8, &next, sizeof(next)))
		return;
	for (size_t n = 0; next && n < NR_LINK_MAP_MAX; n++) {
		struct link_map_entry entry;

		if (process_read(process, next, &entry, sizeof(entry)))
			return;
		for (size_t i = 0; i < modules->nr; i++)
			if (entry.l_ld && modules->entries[i].dynamic ==
						  entry.l_ld)
				search_add(modules, i);
		next = entry.l_next;
	}
}

static void search_ascending(struct modules *modules)
{
	for (size_t i = 0; i < modules->nr; i++)
		if (modules->entries[i].is_executable)
			search_add(modules, i);
	for (size_t i = 0; i < modules->nr; i++)
		search_add(modules, i);
}

/* Here a program without unwind tables can still be one with an .eh_frame. */
static void executable_complete(const struct process *process,
				struct modules *modules)
{
	for (size_t i = 0; i < modules->nr; i++)
		if (modules->entries[i].is_executable &&
		    !modules->entries[i].eh_frame_hdr)
			module_find_eh_frame(process, &modules->entries[i]);
}

static int modules_order(const struct process *process, struct modules *modules)
{
	modules->search = calloc(modules->nr + 1, sizeof(*modules->search));
	if (!modules->search)
		return -ENOMEM;
	search_from_loader(process, modules);
	if (!modules->nr_search)
		search_ascending(modules);
	return 0;
}

int modules_read(const struct process *process, const struct mappings *mappings,
		 struct modules *ret_modules, struct hf_diag *diag)
{
	struct modules modules = { 0 };
	int r;

	r = modules_scan(process, mappings, &modules);
	if (!r)
		r = modules_find_executable(process, mappings, &modules);
	if (!r)
		r = modules_order(process, &modules);
	if (!r)
		executable_complete(process, &modules);
	if (!r && !modules.nr && !process_alive(process))
		r = -ESRCH;
	if (r) {
		modules_release(&modules);
		return hf_fail(diag, r, "cannot read the modules of process %d",
			       process->pid);
	}
	*ret_modules = modules;
	return 0;
}

void modules_release(struct modules *modules)
{
	free(modules->entries);
	free(modules->search);
	*modules = (struct modules){ 0 };
}

int module_build_id_at(const struct process *process,
		       const struct mapping *mapping, struct build_id *ret_id)
{
	struct headers headers;
	hf_addr bias;

	if (!mapping_may_begin_module(mapping) ||
	    headers_read(process, mapping, &headers) ||
	    headers_bias(&headers, mapping->range.start, &bias))
		return -ENOENT;
	for (size_t i = 0; i < headers.nr; i++) {
		const Elf64_Phdr *phdr = &headers.phdrs[i];
		struct range range;

		if (phdr->p_type == PT_NOTE &&
		    phdr_range(phdr, bias, &range) &&
		    !notes_read(process, &range, phdr->p_align, ret_id))
			return 0;
	}
	return -ENOENT;
}

const struct module *modules_find(const struct modules *modules,
				  hf_addr address)
{
	size_t low = 0, high = modules->nr;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		const struct module *module = &modules->entries[middle];

		if (address < module->range.start)
			high = middle;
		else if (address >= module->range.end)
			low = middle + 1;
		else
			return module;
	}
	return NULL;
}

/* File name without directories and without " (deleted)". */
static bool module_is_named(const struct module *module, const char *name)
{
	const char *slash = strrchr(module->path, '/');
	const char *file = slash ? slash + 1 : module->path;
	size_t length = strlen(name);

	if (!strcmp(module->soname, name))
		return true;
	return !strncmp(file, name, length) &&
	       (!file[length] || !strcmp(file + length, " (deleted)"));
}

static int refuse_unmatched(const struct modules *modules,
			    const struct build_id *id, const char *name,
			    struct hf_diag *diag)
{
	char wanted[HEX_SIZE(BUILD_ID_SIZE_MAX)];
	char found[HEX_SIZE(BUILD_ID_SIZE_MAX)];

	build_id_format(id, wanted);
	for (size_t i = 0; i < modules->nr; i++) {
		const struct module *module = &modules->entries[i];

		if (!module_is_named(module, name))
			continue;
		hf_refuse(diag, "build-id-mismatch",
			  "build-id mismatch: the process runs another build of %s",
			  name);
		hf_detail(diag, "patch was built for %s", wanted);
		hf_detail(diag, "process has         %s (%s)",
			  module->build_id.size ?
				  build_id_format(&module->build_id, found) :
				  "no build-id",
			  module->path);
		hf_hint(diag, "build the patch against the file that this process runs");
		return -ECANCELED;
	}
	hf_refuse(diag, "module-absent",
		  "the process does not have %s (build-id %s) loaded", name,
		  wanted);
	hf_hint(diag, "the patch is for another program or library");
	return -ECANCELED;
}

int modules_match(const struct modules *modules, const struct build_id *id,
		  const char *name, const struct module **ret_module,
		  struct hf_diag *diag)
{
	const struct module *match = NULL;

	for (size_t i = 0; i < modules->nr; i++) {
		const struct module *module = &modules->entries[i];

		if (!id->size || !build_id_equal(&module->build_id, id))
			continue;
		if (match)
			return hf_refuse(diag, "module-twice",
					 "%s is loaded more than once, at %#llx and %#llx (dlmopen?): it is unclear which one is meant",
					 name,
					 (unsigned long long)match->range.start,
					 (unsigned long long)module->range.start);
		match = module;
	}
	if (!match)
		return refuse_unmatched(modules, id, name, diag);
	*ret_module = match;
	return 0;
}
