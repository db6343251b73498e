/*
 * Units: opened, closed, and what is found in them.
 *
 * All items stand in one block, all references in another, both in the order
 * of sections and offsets; finding is bisection.
 */
#include "unit_read.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "../../lib/io.h"

int unit_fail_damaged(const struct unit *unit, struct hf_diag *diag,
		      const char *reason)
{
	return hf_error(diag, -ENOEXEC, "not-elf", "%s: damaged: %s",
			unit->path, reason);
}

static int refuse_lto(const char *path, struct hf_diag *diag)
{
	hf_refuse(diag, "object-lto",
		  "%s holds no machine code: it was compiled for link-time "
		  "optimisation",
		  path);
	hf_hint(diag, "build without -flto; that only helps when the target "
		      "was built without it, too");
	return -ECANCELED;
}

/* Bitcode of LLVM, bare or in its wrapper; no ELF file at all. */
static int check_bitcode(const char *path, struct hf_diag *diag)
{
	static const uint8_t bare[4] = { 'B', 'C', 0xc0, 0xde };
	static const uint8_t wrapped[4] = { 0xde, 0xc0, 0x17, 0x0b };
	owned(close_p) int fd = open(path, O_RDONLY | O_CLOEXEC);
	uint8_t magic[4];

	if (fd < 0)
		return hf_fail(diag, -errno, "cannot open %s", path);
	if (pread(fd, magic, sizeof(magic), 0) == sizeof(magic) &&
	    (!memcmp(magic, bare, sizeof(bare)) ||
	     !memcmp(magic, wrapped, sizeof(wrapped))))
		return refuse_lto(path, diag);
	return 0;
}

/* With -ffat-lto-objects there is code as well, which will do. */
static bool is_lto_only(const struct unit *unit)
{
	bool lto = false, loaded = false;

	for (size_t i = 1; i < unit->file->nr_sections; i++) {
		const Elf64_Shdr *section = &unit->file->sections[i];
		const char *name = elf_section_name(unit->file, section);

		lto |= !strncmp(name, ".gnu.lto_", 9);
		loaded |= section->sh_size &&
			  unit_section_is_modelled(unit->file, section);
	}
	return lto && !loaded;
}

static int check_kind(const struct unit *unit, struct hf_diag *diag)
{
	const struct elf_file *file = unit->file;

	if (file->header->e_type != ET_REL)
		return hf_error(diag, -ENOEXEC, "not-elf",
				"%s is not a relocatable object", unit->path);
	if (file->header->e_machine != EM_X86_64)
		return hf_refuse(diag, "machine-unsupported",
				 "%s is not for x86-64", unit->path);
	/* Beyond, indices no longer fit into symbols. */
	if (file->nr_sections >= SHN_LORESERVE) {
		hf_refuse(diag, "object-too-large",
			  "%s has %zu sections; %d can be handled", unit->path,
			  file->nr_sections, SHN_LORESERVE - 1);
		hf_hint(diag, "write a replacement source for the functions "
			      "that change: hotfix-build --target BIN fix.c");
		return -ECANCELED;
	}
	return is_lto_only(unit) ? refuse_lto(unit->path, diag) : 0;
}

/* Of several sources none speaks for the unit. */
static void find_source(struct unit *unit)
{
	for (size_t i = 1;
	     i < unit->symbols.nr && !unit->source && !unit->optimised; i++) {
		const char *name =
			elf_symbol_name(unit->file, &unit->symbols, i);

		if (ELF64_ST_TYPE(unit->symbols.entries[i].st_info) ==
			    STT_FILE &&
		    *name)
			unit->source = name;
	}
}

static int read_unit(struct unit *unit, struct hf_diag *diag)
{
	int r = elf_open(unit->path, &unit->file, diag);

	if (!r)
		r = check_kind(unit, diag);
	if (r)
		return r;
	unit->symbols = elf_symbols(unit->file, SHT_SYMTAB);
	find_source(unit);
	r = unit_read_items(unit, diag);
	if (!r)
		r = unit_read_references(unit, diag);
	if (!r)
		r = debuginfo_open_file(unit->path, &unit->debuginfo, diag);
	if (r)
		return r;
	unit_find_scopes(unit);
	r = unit_find_owners(unit, diag);
	return r ?: unit_find_tables(unit, diag);
}

static int open_unit(const char *path, bool optimised, struct unit **ret_unit,
		     struct hf_diag *diag)
{
	owned(unit_close_p) struct unit *unit = NULL;
	int r = check_bitcode(path, diag);

	if (r)
		return r;
	unit = calloc(1, sizeof(*unit));
	if (!unit || !(unit->path = strdup(path)))
		return hf_fail(diag, -ENOMEM, "cannot read %s", path);
	unit->optimised = optimised;
	r = read_unit(unit, diag);
	if (!r)
		*ret_unit = take_ptr(unit);
	return r;
}

int unit_open(const char *path, struct unit **ret_unit, struct hf_diag *diag)
{
	return open_unit(path, false, ret_unit, diag);
}

int unit_open_optimised(const char *path, struct unit **ret_unit,
			struct hf_diag *diag)
{
	return open_unit(path, true, ret_unit, diag);
}

void unit_close(struct unit *unit)
{
	for (size_t i = 0; i < unit->nr_items; i++) {
		free(unit->items[i]->aliases);
		free(unit->items[i]->detail);
	}
	free(unit->items);
	free(unit->item_block);
	free(unit->reference_block);
	free(unit->symbol_items);
	free(unit->by_name);
	strings_release(&unit->scopes);
	if (unit->debuginfo)
		debuginfo_close(unit->debuginfo);
	if (unit->file)
		elf_close(unit->file);
	free(unit->path);
	free(unit);
}

static bool stands_after(const struct item *item, size_t section,
			 int64_t offset)
{
	/* Externals and common ones are behind all sections. */
	if (!item->section || item->section == SHN_COMMON)
		return true;
	if (item->section != section)
		return item->section > section;
	return (int64_t)item->offset > offset;
}

struct item *unit_item_near(const struct unit *unit, size_t section,
			    int64_t offset)
{
	size_t low = 0, high = unit->nr_items;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (stands_after(unit->items[middle], section, offset))
			high = middle;
		else
			low = middle + 1;
	}
	if (low && unit->items[low - 1]->section == section)
		return unit->items[low - 1];
	if (low < unit->nr_items && unit->items[low]->section == section)
		return unit->items[low];
	return NULL;
}

struct item *unit_item_at(const struct unit *unit, size_t section,
			  uint64_t offset)
{
	struct item *item;

	if (!section || section >= SHN_LORESERVE || offset > INT64_MAX)
		return NULL;
	item = unit_item_near(unit, section, (int64_t)offset);
	if (!item || offset < item->offset ||
	    offset - item->offset > item->size)
		return NULL;
	return item;
}

struct item *unit_item_of_symbol(const struct unit *unit, size_t symbol)
{
	return symbol < unit->symbols.nr ? unit->symbol_items[symbol] : NULL;
}

struct item *unit_find(const struct unit *unit, const char *name)
{
	size_t low = 0, high = unit->nr_by_name;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (strcmp(elf_symbol_name(unit->file, &unit->symbols,
					   unit->by_name[middle]),
			   name) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == unit->nr_by_name ||
	    strcmp(elf_symbol_name(unit->file, &unit->symbols,
				   unit->by_name[low]),
		   name))
		return NULL;
	return unit->symbol_items[unit->by_name[low]];
}
