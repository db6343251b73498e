#include "versions.h"

#define VERSION_HIDDEN 0x8000
#define VERSION_FIRST_NAMED 2

static const Elf64_Shdr *section_of_type(const struct elf_file *file,
					 uint32_t type)
{
	for (size_t i = 1; i < file->nr_sections; i++)
		if (file->sections[i].sh_type == type)
			return &file->sections[i];
	return NULL;
}

/* An entry of one of the linked lists, NULL when it is not wholly inside. */
static const void *entry_at(const struct elf_file *file,
			    const Elf64_Shdr *section, uint64_t offset,
			    size_t size)
{
	const uint8_t *data = elf_section_data(file, section);

	if (!data || offset > section->sh_size ||
	    size > section->sh_size - offset ||
	    (section->sh_offset + offset) % 4)
		return NULL;
	return data + offset;
}

static const char *defined_name(const struct elf_file *file, uint16_t index)
{
	const Elf64_Shdr *section = section_of_type(file, SHT_GNU_verdef);
	uint64_t offset = 0;

	/* sh_info counts the entries: a bound against cycles. */
	for (uint32_t i = 0; section && i < section->sh_info; i++) {
		const Elf64_Verdef *entry =
			entry_at(file, section, offset, sizeof(*entry));
		const Elf64_Verdaux *name;

		if (!entry)
			break;
		name = entry_at(file, section, offset + entry->vd_aux,
				sizeof(*name));
		if ((entry->vd_ndx & ~VERSION_HIDDEN) == index && name)
			return elf_string(file, section->sh_link,
					  name->vda_name);
		if (!entry->vd_next)
			break;
		offset += entry->vd_next;
	}
	return NULL;
}

static bool needed_version(const struct elf_file *file, uint16_t index,
			   struct symbol_version *version)
{
	const Elf64_Shdr *section = section_of_type(file, SHT_GNU_verneed);
	uint64_t offset = 0;

	for (uint32_t i = 0; section && i < section->sh_info; i++) {
		const Elf64_Verneed *entry =
			entry_at(file, section, offset, sizeof(*entry));
		uint64_t at;

		if (!entry)
			break;
		at = offset + entry->vn_aux;
		for (uint16_t k = 0; k < entry->vn_cnt; k++) {
			const Elf64_Vernaux *name =
				entry_at(file, section, at, sizeof(*name));

			if (!name)
				break;
			if ((name->vna_other & ~VERSION_HIDDEN) == index) {
				version->name = elf_string(
					file, section->sh_link, name->vna_name);
				version->library = elf_string(
					file, section->sh_link, entry->vn_file);
				return true;
			}
			at += name->vna_next;
		}
		if (!entry->vn_next)
			break;
		offset += entry->vn_next;
	}
	return false;
}

struct symbol_version symbol_version(const struct elf_file *file,
				     size_t dynamic_symbol)
{
	const Elf64_Shdr *section = section_of_type(file, SHT_GNU_versym);
	struct symbol_version version = { .is_default = true };
	const uint16_t *indexes;
	uint16_t index;

	if (!section || section->sh_offset % 2 ||
	    dynamic_symbol >= section->sh_size / sizeof(*indexes))
		return version;
	indexes = (const void *)elf_section_data(file, section);
	if (!indexes)
		return version;
	version.is_default = !(indexes[dynamic_symbol] & VERSION_HIDDEN);
	index = indexes[dynamic_symbol] & (uint16_t)~VERSION_HIDDEN;
	if (index >= VERSION_FIRST_NAMED &&
	    !needed_version(file, index, &version))
		version.name = defined_name(file, index);
	return version;
}
