#include "debuginfo.h"

#include <dwarf.h>
#include <elfutils/libdwfl.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "../lib/build_id.h"

struct debuginfo {
	Dwfl *dwfl;
	Dwfl_Module *object; /* NULL: it is no ET_REL */
	Dwarf *dwarf; /* owned by dwfl, if there is one */
	int fd;
	char *search_path;
	struct elf_file *separate;
	struct debug_entity *entities; /* by address */
	size_t nr_entities;
	struct source *sources; /* by unit */
	size_t nr_sources;
};

/*
 * The path of a compilation unit. What was optimised at link time stands in
 * units of nobody's; its origins are in the units of its sources.
 */
struct source {
	Dwarf_Off unit;
	bool is_artificial;
	char *path;
};

static int by_address(const void *a, const void *b)
{
	const struct debug_entity *left = a, *right = b;

	if (left->vaddr != right->vaddr)
		return left->vaddr < right->vaddr ? -1 : 1;
	return 0;
}

bool debuginfo_static_address(Dwarf_Die *variable, uint64_t *ret_vaddr)
{
	Dwarf_Attribute attribute;
	Dwarf_Op *operations;
	size_t nr;

	if (!dwarf_attr(variable, DW_AT_location, &attribute) ||
	    dwarf_getlocation(&attribute, &operations, &nr) || nr != 1)
		return false;
	if (operations[0].atom == DW_OP_addr) {
		*ret_vaddr = operations[0].number;
		return true;
	}
	if (operations[0].atom == DW_OP_addrx ||
	    operations[0].atom == DW_OP_GNU_addr_index) {
		Dwarf_Attribute address;

		return !dwarf_getlocation_attr(&attribute, operations,
					       &address) &&
		       !dwarf_formaddr(&address, ret_vaddr);
	}
	return false;
}

static int add_entity(struct debuginfo *debuginfo, Dwarf_Die *die,
		      uint64_t vaddr, const char *source)
{
	struct debug_entity *entity =
		array_append(debuginfo->entities, debuginfo->nr_entities);

	if (!entity)
		return -ENOMEM;
	*entity = (struct debug_entity){ vaddr, dwarf_dieoffset(die), source };
	return 0;
}

/* ---- sources ------------------------------------------------------------ */

char *debuginfo_unit_path(Dwarf_Die *unit)
{
	const char *name = dwarf_diename(unit) ?: "?";
	Dwarf_Attribute attribute;
	const char *directory = dwarf_formstring(
		dwarf_attr(unit, DW_AT_comp_dir, &attribute));

	if (*name == '/' || !directory)
		return strdup(name);
	if (!strncmp(name, "./", 2))
		name += 2;
	return text_format("%s/%s", directory, name);
}

static int by_unit(const void *a, const void *b)
{
	const struct source *left = a, *right = b;

	return left->unit < right->unit ? -1 : left->unit > right->unit;
}

static int add_source(struct debuginfo *debuginfo, Dwarf_Die *unit)
{
	const char *name = dwarf_diename(unit);
	struct source *source;

	if (dwarf_tag(unit) != DW_TAG_compile_unit)
		return 0;
	source = array_append(debuginfo->sources, debuginfo->nr_sources);
	if (!source)
		return -ENOMEM;
	source->unit = dwarf_dieoffset(unit);
	source->is_artificial = name && !strcmp(name, "<artificial>");
	source->path = debuginfo_unit_path(unit);
	return source->path ? 0 : -ENOMEM;
}

static const struct source *source_of(const struct debuginfo *debuginfo,
				      Dwarf_Die *die)
{
	struct source key;
	Dwarf_Die unit;

	/* A unit of another file (dwz) is not ours. */
	if (!debuginfo->nr_sources || !dwarf_diecu(die, &unit, NULL, NULL) ||
	    dwarf_cu_getdwarf(unit.cu) != debuginfo->dwarf)
		return NULL;
	key.unit = dwarf_dieoffset(&unit);
	return bsearch(&key, debuginfo->sources, debuginfo->nr_sources,
		       sizeof(key), by_unit);
}

const char *debuginfo_die_source(const struct debuginfo *debuginfo,
				 Dwarf_Die *die)
{
	const struct source *source = source_of(debuginfo, die);
	Dwarf_Die origin = *die;
	Dwarf_Attribute attribute;

	while (source && source->is_artificial) {
		Dwarf_Off last = dwarf_dieoffset(&origin);

		if (!dwarf_attr(&origin, DW_AT_abstract_origin, &attribute) ||
		    !dwarf_formref_die(&attribute, &origin) ||
		    dwarf_dieoffset(&origin) == last)
			return NULL;
		source = source_of(debuginfo, &origin);
	}
	return source ? source->path : NULL;
}

/* ---- functions and variables -------------------------------------------- */

/* A function with a cold part has two ranges: each start leads to it. */
static int index_entity(struct debuginfo *debuginfo, Dwarf_Die *die)
{
	const char *source = debuginfo_die_source(debuginfo, die);
	Dwarf_Addr base, start, end;
	ptrdiff_t position = 0;
	uint64_t vaddr;
	int r = 0;

	switch (dwarf_tag(die)) {
	case DW_TAG_subprogram:
		while (!r && (position = dwarf_ranges(die, position, &base,
						      &start, &end)) > 0)
			r = add_entity(debuginfo, die, start, source);
		return r;
	case DW_TAG_variable:
		if (debuginfo_static_address(die, &vaddr))
			return add_entity(debuginfo, die, vaddr, source);
		return 0;
	default:
		return 0;
	}
}

static int index_unit(struct debuginfo *debuginfo, Dwarf_Die *unit)
{
	Dwarf_Die die;
	int r = 0;

	if (dwarf_tag(unit) != DW_TAG_compile_unit || dwarf_child(unit, &die))
		return 0;
	do {
		r = index_entity(debuginfo, &die);
	} while (!r && !dwarf_siblingof(&die, &die));
	return r;
}

typedef int unit_fn(struct debuginfo *debuginfo, Dwarf_Die *unit);

static int each_unit(struct debuginfo *debuginfo, unit_fn *function)
{
	Dwarf_CU *unit = NULL;
	Dwarf_Die die;
	int r = 0;

	while (!r && debuginfo->dwarf &&
	       !dwarf_get_units(debuginfo->dwarf, unit, &unit, NULL, NULL, &die,
				NULL))
		r = function(debuginfo, &die);
	return r;
}

static int build_index(struct debuginfo *debuginfo, struct hf_diag *diag)
{
	/* A unit may have its origins in any other. */
	int r = each_unit(debuginfo, add_source);

	if (!r && debuginfo->nr_sources)
		qsort(debuginfo->sources, debuginfo->nr_sources,
		      sizeof(*debuginfo->sources), by_unit);
	if (!r)
		r = each_unit(debuginfo, index_unit);
	if (r)
		return hf_fail(diag, r, "cannot index debug information");
	if (debuginfo->nr_entities)
		qsort(debuginfo->entities, debuginfo->nr_entities,
		      sizeof(*debuginfo->entities), by_address);
	return 0;
}

/* The file of --debuginfo is handed to libdwfl as the module's user data. */
static int find_debuginfo(Dwfl_Module *module, void **userdata,
			  const char *name, Dwarf_Addr base,
			  const char *file_name, const char *link,
			  GElf_Word checksum, char **ret_path)
{
	const char *given = *userdata;
	int fd;

	if (!given)
		return dwfl_standard_find_debuginfo(module, userdata, name,
						    base, file_name, link,
						    checksum, ret_path);
	fd = open(given, O_RDONLY | O_CLOEXEC);
	if (fd >= 0)
		*ret_path = strdup(given);
	return fd;
}

/* Objects have their debug information themselves. */
static int find_nothing(Dwfl_Module *module, void **userdata, const char *name,
			Dwarf_Addr base, const char *file_name,
			const char *link, GElf_Word checksum, char **ret_path)
{
	(void)module, (void)userdata, (void)name, (void)base;
	(void)file_name, (void)link, (void)checksum, (void)ret_path;
	return -1;
}

static int check_build_id(const struct target *target, const char *path,
			  struct hf_diag *diag)
{
	owned(elf_close_p) struct elf_file *file = NULL;
	const Elf64_Shdr *section;
	struct build_id id = { 0 };
	char theirs[HEX_SIZE(BUILD_ID_SIZE_MAX)];
	char ours[HEX_SIZE(BUILD_ID_SIZE_MAX)];
	int r = elf_open(path, &file, diag);

	if (r)
		return r;
	/* A debug file has sections but nothing behind its segments. */
	section = elf_section(file, ".note.gnu.build-id");
	if (section && elf_section_data(file, section))
		build_id_from_notes(elf_section_data(file, section),
				    section->sh_size, section->sh_addralign,
				    &id);
	if (build_id_equal(&id, &target->build_id))
		return 0;
	hf_refuse(diag, "debuginfo-mismatch",
		  "%s is not the debug information of %s", path,
		  target->file->path);
	hf_detail(diag, "build-id of the target:     %s",
		  build_id_format(&target->build_id, ours));
	hf_detail(diag, "build-id of the debug file: %s",
		  id.size ? build_id_format(&id, theirs) : "(none)");
	hf_hint(diag, "give the debug file of exactly this build");
	return -ECANCELED;
}

static int open_dwfl(struct debuginfo *debuginfo, const struct target *target,
		     const struct options *options, Dwfl_Module **ret_module)
{
	/* libdwfl keeps a pointer to it as long as the session lives. */
	static Dwfl_Callbacks callbacks = {
		.find_elf = dwfl_build_id_find_elf,
		.find_debuginfo = find_debuginfo,
		.section_address = dwfl_offline_section_address,
	};
	const char *sysroot = options->sysroot ?: "";
	Dwfl_Module *module;
	void **userdata;

	debuginfo->search_path =
		text_format("+:.debug:%s/usr/lib/debug:/usr/lib/debug",
			    sysroot);
	callbacks.debuginfo_path = &debuginfo->search_path;
	debuginfo->dwfl = dwfl_begin(&callbacks);
	if (!debuginfo->search_path || !debuginfo->dwfl)
		return -ENOMEM;
	dwfl_report_begin(debuginfo->dwfl);
	module = dwfl_report_offline(debuginfo->dwfl, target->name,
				     target->file->path, -1);
	dwfl_report_end(debuginfo->dwfl, NULL, NULL);
	if (!module)
		return -ENOEXEC;
	dwfl_module_info(module, &userdata, NULL, NULL, NULL, NULL, NULL, NULL);
	*userdata = (void *)options->debuginfo;
	*ret_module = module;
	return 0;
}

/* libdwfl says which file it took, if it is not the module itself. */
static int open_separate(struct debuginfo *debuginfo, Dwfl_Module *module,
			 struct hf_diag *diag)
{
	const char *path = NULL;
	GElf_Addr bias;

	/* Makes libdwfl look for a .symtab too, where there is no DWARF. */
	dwfl_module_getsymtab(module);
	debuginfo->dwarf = dwfl_module_getdwarf(module, &bias);
	dwfl_module_info(module, NULL, NULL, NULL, NULL, NULL, NULL, &path);
	return path ? elf_open(path, &debuginfo->separate, diag) : 0;
}

int debuginfo_open(const struct target *target, const struct options *options,
		   struct debuginfo **ret_debuginfo, struct hf_diag *diag)
{
	owned(debuginfo_close_p) struct debuginfo *debuginfo =
		calloc(1, sizeof(*debuginfo));
	Dwfl_Module *module = NULL;
	int r;

	if (!debuginfo)
		return hf_fail(diag, -ENOMEM, "cannot read debug information");
	debuginfo->fd = -1;
	if (options->debuginfo) {
		r = check_build_id(target, options->debuginfo, diag);
		if (r)
			return r;
	}
	r = open_dwfl(debuginfo, target, options, &module);
	if (r)
		return hf_fail(diag, r, "cannot read debug information of %s",
			       target->file->path);
	r = open_separate(debuginfo, module, diag);
	if (!r)
		r = build_index(debuginfo, diag);
	if (r)
		return r;
	if (debuginfo->dwarf || debuginfo->separate)
		*ret_debuginfo = take_ptr(debuginfo);
	else
		*ret_debuginfo = NULL;
	return 0;
}

/* In an object, fields of the debug sections are zero until relocated, which
   only libdwfl does. */
static int open_object(struct debuginfo *debuginfo, const char *path)
{
	static const Dwfl_Callbacks callbacks = {
		.find_elf = dwfl_build_id_find_elf,
		.find_debuginfo = find_nothing,
		.section_address = dwfl_offline_section_address,
	};
	Dwarf_Addr bias;

	debuginfo->dwfl = dwfl_begin(&callbacks);
	if (!debuginfo->dwfl)
		return -ENOMEM;
	dwfl_report_begin(debuginfo->dwfl);
	debuginfo->object =
		dwfl_report_offline(debuginfo->dwfl, path, path, -1);
	dwfl_report_end(debuginfo->dwfl, NULL, NULL);
	if (debuginfo->object)
		debuginfo->dwarf =
			dwfl_module_getdwarf(debuginfo->object, &bias);
	return 0;
}

static int open_file(struct debuginfo *debuginfo, const char *path)
{
	Elf64_Ehdr header;

	debuginfo->fd = open(path, O_RDONLY | O_CLOEXEC);
	if (debuginfo->fd < 0)
		return -errno;
	if (pread(debuginfo->fd, &header, sizeof(header), 0) ==
		    sizeof(header) &&
	    header.e_type == ET_REL)
		return open_object(debuginfo, path);
	debuginfo->dwarf = dwarf_begin(debuginfo->fd, DWARF_C_READ);
	return 0;
}

int debuginfo_open_file(const char *path, struct debuginfo **ret_debuginfo,
			struct hf_diag *diag)
{
	owned(debuginfo_close_p) struct debuginfo *debuginfo =
		calloc(1, sizeof(*debuginfo));
	int r;

	if (!debuginfo)
		return hf_fail(diag, -ENOMEM, "cannot read %s", path);
	r = open_file(debuginfo, path);
	if (r)
		return hf_fail(diag, r, "cannot read %s", path);
	if (!debuginfo->dwarf) {
		*ret_debuginfo = NULL;
		return 0;
	}
	r = build_index(debuginfo, diag);
	if (!r)
		*ret_debuginfo = take_ptr(debuginfo);
	return r;
}

/*
 * An empty section has the address of the one behind it, and libdwfl may mean
 * either: compilers always write a .data and a .bss, sections of their own for
 * each variable or not.
 */
static Elf_Scn *skip_empty(const struct debuginfo *debuginfo, Elf_Scn *section)
{
	Dwarf_Addr bias;
	Elf *elf = dwfl_module_getelf(debuginfo->object, &bias);
	GElf_Shdr empty, next;
	Elf_Scn *other = NULL;

	if (!elf || !gelf_getshdr(section, &empty) || empty.sh_size)
		return section;
	while ((other = elf_nextscn(elf, other)))
		if (gelf_getshdr(other, &next) && next.sh_size &&
		    next.sh_flags & SHF_ALLOC &&
		    next.sh_addr == empty.sh_addr)
			return other;
	return section;
}

bool debuginfo_section_at(const struct debuginfo *debuginfo, uint64_t vaddr,
			  size_t *ret_section, uint64_t *ret_offset)
{
	Dwarf_Addr bias;
	Elf_Scn *section;

	if (!debuginfo || !debuginfo->object)
		return false;
	section = dwfl_module_address_section(debuginfo->object, &vaddr, &bias);
	if (!section)
		return false;
	if (!vaddr)
		section = skip_empty(debuginfo, section);
	*ret_section = elf_ndxscn(section);
	*ret_offset = vaddr;
	return true;
}

void debuginfo_close(struct debuginfo *debuginfo)
{
	if (debuginfo->dwfl)
		dwfl_end(debuginfo->dwfl);
	else if (debuginfo->dwarf)
		dwarf_end(debuginfo->dwarf);
	close_p(&debuginfo->fd);
	if (debuginfo->separate)
		elf_close(debuginfo->separate);
	for (size_t i = 0; i < debuginfo->nr_sources; i++)
		free(debuginfo->sources[i].path);
	free(debuginfo->sources);
	free(debuginfo->entities);
	free(debuginfo->search_path);
	free(debuginfo);
}

Dwarf *debuginfo_dwarf(const struct debuginfo *debuginfo)
{
	return debuginfo ? debuginfo->dwarf : NULL;
}

const struct elf_file *debuginfo_symbol_file(const struct debuginfo *debuginfo)
{
	return debuginfo ? debuginfo->separate : NULL;
}

const struct debug_entity *debuginfo_entity(const struct debuginfo *debuginfo,
					    uint64_t vaddr)
{
	struct debug_entity key = { .vaddr = vaddr };

	if (!debuginfo || !debuginfo->nr_entities)
		return NULL;
	return bsearch(&key, debuginfo->entities, debuginfo->nr_entities,
		       sizeof(key), by_address);
}

const char *debuginfo_source(const struct debuginfo *debuginfo, uint64_t vaddr)
{
	const struct debug_entity *entity = debuginfo_entity(debuginfo, vaddr);

	return entity ? entity->source : NULL;
}
