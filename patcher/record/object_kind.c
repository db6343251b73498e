/*
 * gcc marks an object that has nothing but its intermediate form with the
 * symbol __gnu_lto_slim (a common one, or of .gnu.lto_ sections); what tells it
 * for certain is that there are .gnu.lto_ sections and no byte of code or data.
 * clang writes LLVM bitcode in place of ELF.
 */
#include "object_kind.h"

#include <elf.h>
#include <string.h>

static bool is_bitcode(const uint8_t *data, size_t size)
{
	return size >= 4 && (!memcmp(data, "BC\xc0\xde", 4) ||
			     !memcmp(data, "\xde\xc0\x17\x0b", 4));
}

static bool read_section(const uint8_t *data, size_t size,
			 const Elf64_Ehdr *header, size_t index,
			 Elf64_Shdr *ret_section)
{
	uint64_t offset = header->e_shoff + index * sizeof(*ret_section);

	if (header->e_shoff > size || offset > size ||
	    size - offset < sizeof(*ret_section))
		return false;
	memcpy(ret_section, data + offset, sizeof(*ret_section));
	return true;
}

static bool is_lto_name(const uint8_t *data, size_t size,
			const Elf64_Shdr *names, uint32_t name)
{
	static const char prefix[] = ".gnu.lto_";

	return names->sh_offset < size && name < size - names->sh_offset &&
	       size - names->sh_offset - name >= sizeof(prefix) &&
	       !memcmp(data + names->sh_offset + name, prefix,
		       sizeof(prefix) - 1);
}

static bool is_content(const Elf64_Shdr *section)
{
	return section->sh_size && (section->sh_flags & SHF_ALLOC) &&
	       (section->sh_type == SHT_PROGBITS ||
		section->sh_type == SHT_NOBITS);
}

static enum object_kind sections_kind(const uint8_t *data, size_t size,
				      const Elf64_Ehdr *header)
{
	Elf64_Shdr section, names;
	bool lto = false;

	if (header->e_shentsize != sizeof(section) ||
	    !read_section(data, size, header, header->e_shstrndx, &names))
		return OBJECT_MACHINE;
	for (size_t i = 0; i < header->e_shnum; i++) {
		if (!read_section(data, size, header, i, &section) ||
		    is_content(&section))
			return OBJECT_MACHINE;
		lto |= is_lto_name(data, size, &names, section.sh_name);
	}
	return lto ? OBJECT_LTO : OBJECT_MACHINE;
}

bool object_is_intermediate(const uint8_t *data, size_t size)
{
	Elf64_Shdr section, names;
	Elf64_Ehdr header;

	if (size < sizeof(header) || memcmp(data, ELFMAG, SELFMAG))
		return false;
	memcpy(&header, data, sizeof(header));
	if (header.e_ident[EI_CLASS] != ELFCLASS64 ||
	    header.e_type != ET_REL || header.e_shentsize != sizeof(section) ||
	    !read_section(data, size, &header, header.e_shstrndx, &names))
		return false;
	for (size_t i = 0; i < header.e_shnum; i++)
		if (read_section(data, size, &header, i, &section) &&
		    is_lto_name(data, size, &names, section.sh_name))
			return true;
	return false;
}

enum object_kind object_kind(const uint8_t *data, size_t size)
{
	Elf64_Ehdr header;

	if (is_bitcode(data, size))
		return OBJECT_LTO;
	if (size < sizeof(header) || memcmp(data, ELFMAG, SELFMAG))
		return OBJECT_OTHER;
	memcpy(&header, data, sizeof(header));
	if (header.e_type != ET_REL)
		return OBJECT_OTHER;
	return header.e_ident[EI_CLASS] == ELFCLASS64 ?
		       sections_kind(data, size, &header) :
		       OBJECT_MACHINE;
}
