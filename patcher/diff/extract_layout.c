/*
 * Which sections stay, and what is copied out of those that go.
 *
 *	nothing of it included		left out (SHF_EXCLUDE)
 *	all of it included		stays as it is
 *	some of it			data is copied; code is never in this case,
 *					see include_neighbours()
 *	mergeable			copied: the linker moves what it merges,
 *					and relocations that are held back could
 *					not follow
 *
 * Copies stand in two sections of ours. They take their symbols with them.
 */
#include "extract_internal.h"

#include <errno.h>
#include <string.h>

struct section_count {
	size_t nr;
	size_t nr_included;
};

static bool has_prefix(const char *name, const char *prefix)
{
	return !strncmp(name, prefix, strlen(prefix));
}

bool extract_section_stays(const struct elf_file *file,
			   const Elf64_Shdr *section)
{
	const char *name = elf_section_name(file, section);

	if (!section->sh_size || section->sh_type == SHT_NULL)
		return true;
	if (section->sh_flags & SHF_ALLOC)
		return section->sh_type == SHT_X86_64_UNWIND ||
		       !strcmp(name, ".eh_frame") ||
		       !strcmp(name, ".note.gnu.property");
	switch (section->sh_type) {
	case SHT_PROGBITS:
	case SHT_NOTE:
	case SHT_X86_64_UNWIND:
		return has_prefix(name, ".debug") ||
		       has_prefix(name, ".zdebug") ||
		       has_prefix(name, ".gdb") ||
		       !strcmp(name, ".comment") ||
		       !strcmp(name, ".note.GNU-stack");
	default:
		return true;
	}
}

static struct section_count *count_sections(const struct extract_unit *unit)
{
	const struct unit *patched = unit->pair->patched;
	size_t nr = patched->file->nr_sections;
	struct section_count *counts = calloc(nr, sizeof(*counts));

	for (size_t i = 0; i < patched->nr_items && counts; i++) {
		const struct item *item = patched->items[i];

		if (!item->section || item->section >= nr)
			continue;
		counts[item->section].nr++;
		counts[item->section].nr_included +=
			fate_of(unit, item)->included;
	}
	return counts;
}

static bool stays(const struct extract_unit *unit, size_t section,
		  const struct section_count *count)
{
	const struct elf_file *file = unit->pair->patched->file;
	const Elf64_Shdr *header = &file->sections[section];

	if (!count->nr)
		return extract_section_stays(file, header);
	return count->nr == count->nr_included &&
	       !(header->sh_flags & SHF_MERGE);
}

/* The section of ours for a copy, made when the first one comes. */
static int copies_section(struct extract_unit *unit, bool writable,
			  size_t *ret_section)
{
	size_t *section = writable ? &unit->writable : &unit->read_only;
	const Elf64_Shdr header = {
		.sh_type = SHT_PROGBITS,
		.sh_flags = SHF_ALLOC | (writable ? SHF_WRITE : 0ul),
		.sh_addralign = 1,
	};
	int r = 0;

	if (!*section)
		r = edit_add_section(&unit->edit,
				     writable ? ".data.hotfix" :
						".rodata.hotfix",
				     &header, section);
	*ret_section = *section;
	return r;
}

static bool is_in_writable_section(const struct extract_unit *unit,
				   const struct item *item)
{
	const struct elf_file *file = unit->pair->patched->file;

	return file->sections[item->section].sh_flags & SHF_WRITE;
}

static void move_symbol(struct object_edit *edit, size_t symbol,
			const struct fate *fate)
{
	Elf64_Sym *entry = &edit->symbols[symbol].symbol;

	entry->st_shndx = (Elf64_Half)fate->copy_section;
	entry->st_value = fate->copy_offset;
}

static int copy_item(struct extract_unit *unit, const struct item *item)
{
	struct fate *fate = fate_of(unit, item);
	size_t section = 0;
	int r = copies_section(unit, is_in_writable_section(unit, item),
			       &section);

	if (!r)
		r = edit_append(&unit->edit, section, item->bytes, item->size,
				item->alignment, &fate->copy_offset);
	if (r)
		return r;
	fate->copy_section = section;
	if (item->symbol)
		move_symbol(&unit->edit, item->symbol, fate);
	for (size_t i = 0; i < item->nr_aliases; i++)
		move_symbol(&unit->edit, item->aliases[i], fate);
	return 0;
}

static int refuse_shared(const struct extract_unit *unit,
			 const struct item *item, struct hf_diag *diag)
{
	char text[256];

	hf_refuse(diag, "section-shared",
		  "%s: %s cannot be taken out of its section, %s, of which the "
		  "patch has no use otherwise",
		  unit->pair->name, item_describe(item, text, sizeof(text)),
		  elf_section_name(unit->pair->patched->file,
				   &unit->pair->patched->file
					    ->sections[item->section]));
	hf_hint(diag, "is it written in assembly? Give it a section of its "
		      "own");
	return -ECANCELED;
}

static int copy_items(struct extract_unit *unit,
		      const struct section_count *counts, struct hf_diag *diag)
{
	const struct unit *patched = unit->pair->patched;

	for (size_t i = 0; i < patched->nr_items; i++) {
		const struct item *item = patched->items[i];

		if (!fate_of(unit, item)->included || !item->section ||
		    item->section >= patched->file->nr_sections ||
		    stays(unit, item->section, &counts[item->section]))
			continue;
		if (item->executable)
			return refuse_shared(unit, item, diag);
		if (copy_item(unit, item))
			return hf_fail(diag, -ENOMEM, "cannot extract %s",
				       unit->pair->name);
	}
	return 0;
}

int extract_layout(struct extract *extract, struct extract_unit *unit,
		   struct hf_diag *diag)
{
	const struct elf_file *file = unit->pair->patched->file;
	owned(free_p) struct section_count *counts = count_sections(unit);
	int r;

	(void)extract;
	if (!counts)
		return hf_fail(diag, -ENOMEM, "cannot extract %s",
			       unit->pair->name);
	r = copy_items(unit, counts, diag);
	for (size_t i = 1; i < file->nr_sections && !r; i++)
		if (!stays(unit, i, &counts[i]))
			edit_exclude(&unit->edit, i);
	return r;
}
