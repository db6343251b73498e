#include "elf_view.h"

#include <errno.h>
#include <string.h>

#define SEGMENTS_MAX 64

static int malformed(struct hf_diag *diag, const char *what)
{
	return hf_error(diag, -EBADMSG, "patch-malformed", "%s", what);
}

const uint8_t *elf_view_at(const struct elf_view *view, uint64_t offset,
			   uint64_t size)
{
	if (offset > view->size || size > view->size - offset)
		return NULL;
	return view->bytes + offset;
}

static bool is_elf64(const Elf64_Ehdr *header)
{
	return !memcmp(header->e_ident, ELFMAG, SELFMAG) &&
	       header->e_ident[EI_CLASS] == ELFCLASS64 &&
	       header->e_ident[EI_DATA] == ELFDATA2LSB &&
	       header->e_ident[EI_VERSION] == EV_CURRENT;
}

static int tables_check(const struct elf_view *view, struct hf_diag *diag)
{
	const Elf64_Ehdr *header = &view->header;

	if (header->e_phnum == 0 || header->e_phnum > SEGMENTS_MAX ||
	    header->e_phentsize != sizeof(Elf64_Phdr) ||
	    !elf_view_at(view, header->e_phoff,
			 header->e_phnum * sizeof(Elf64_Phdr)))
		return malformed(diag, "its program headers are damaged");
	if (header->e_shnum == 0 || header->e_shstrndx >= header->e_shnum ||
	    header->e_shentsize != sizeof(Elf64_Shdr) ||
	    !elf_view_at(view, header->e_shoff,
			 header->e_shnum * sizeof(Elf64_Shdr)))
		return malformed(diag, "its section headers are missing or "
				       "damaged");
	return 0;
}

int elf_view_open(const uint8_t *bytes, size_t size, struct elf_view *ret_view,
		  struct hf_diag *diag)
{
	struct elf_view view = { .bytes = bytes, .size = size };
	int r;

	if (size < sizeof(view.header))
		return malformed(diag, "too short for a patch file");
	memcpy(&view.header, bytes, sizeof(view.header));
	if (!is_elf64(&view.header))
		return malformed(diag, "not a 64-bit ELF file");
	r = tables_check(&view, diag);
	if (r < 0)
		return r;
	*ret_view = view;
	return 0;
}

Elf64_Phdr elf_view_segment(const struct elf_view *view, unsigned int index)
{
	Elf64_Phdr segment;

	memcpy(&segment,
	       view->bytes + view->header.e_phoff + index * sizeof(segment),
	       sizeof(segment));
	return segment;
}

Elf64_Shdr elf_view_section(const struct elf_view *view, unsigned int index)
{
	Elf64_Shdr section;

	memcpy(&section,
	       view->bytes + view->header.e_shoff + index * sizeof(section),
	       sizeof(section));
	return section;
}

/* Is this the name of the section, in the table of section names? */
static bool is_named(const struct elf_view *view, const Elf64_Shdr *section,
		     const char *name)
{
	Elf64_Shdr names = elf_view_section(view, view->header.e_shstrndx);
	const uint8_t *text = elf_view_at(view, names.sh_offset, names.sh_size);
	size_t size = strlen(name) + 1;

	return text && section->sh_name <= names.sh_size &&
	       size <= names.sh_size - section->sh_name &&
	       !memcmp(text + section->sh_name, name, size);
}

int elf_view_find_section(const struct elf_view *view, uint32_t type,
			  const char *name, Elf64_Shdr *ret_section,
			  struct hf_diag *diag)
{
	int found = 0;

	for (unsigned int i = 1; i < view->header.e_shnum; i++) {
		Elf64_Shdr section = elf_view_section(view, i);

		if (section.sh_type != type ||
		    (name && !is_named(view, &section, name)))
			continue;
		if (found)
			return hf_error(diag, -EBADMSG, "patch-malformed",
					"it has two sections %s",
					name ? name : "of dynamic symbols");
		if (!elf_view_at(view, section.sh_offset, section.sh_size))
			return hf_error(diag, -EBADMSG, "patch-malformed",
					"section %s reaches beyond the end of "
					"the file",
					name ? name : ".dynsym");
		found = (int)i;
		*ret_section = section;
	}
	return found;
}
