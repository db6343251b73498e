/* Sections are chosen alike, whatever their sizes: small tables tell most. */
#include <elf.h>

#include "../fuzz.h"

static size_t place_in(uint64_t offset, uint64_t size)
{
	return (size_t)offset + fuzz_random_below((size_t)size);
}

static bool section_at(const struct buffer *input, const Elf64_Ehdr *header,
		       Elf64_Shdr *ret_section)
{
	uint64_t at = header->e_shoff + fuzz_random_below(header->e_shnum) *
						sizeof(*ret_section);

	if (at < header->e_shoff || at > input->size ||
	    input->size - at < sizeof(*ret_section))
		return false;
	memcpy(ret_section, input->data + at, sizeof(*ret_section));
	return true;
}

size_t fuzz_place_elf(const struct buffer *input)
{
	Elf64_Ehdr header;
	Elf64_Shdr section;

	if (input->size < sizeof(header))
		return 0;
	memcpy(&header, input->data, sizeof(header));
	switch (fuzz_random_below(8)) {
	case 0:
		return fuzz_random_below(sizeof(header));
	case 1:
		return place_in(header.e_phoff,
				header.e_phnum * sizeof(Elf64_Phdr));
	case 2:
	case 3:
		return place_in(header.e_shoff,
				header.e_shnum * sizeof(section));
	}
	if (!section_at(input, &header, &section))
		return 0;
	return place_in(section.sh_offset, section.sh_size);
}
