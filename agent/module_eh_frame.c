/*
 * gcc links static programs without --eh-frame-hdr: the call frame information
 * is loaded, but no program header leads to it, only the section headers of the
 * file. /proc/PID/exe is that very file, whatever has become of its name, and
 * nobody can write to it while it runs.
 */
#include <elf.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/io.h"
#include "module.h"

#define NAMES_SIZE_MAX (16u << 20)

struct sections {
	Elf64_Shdr *headers;
	size_t nr;
	char *names;
	uint64_t names_size;
};

static void sections_release(struct sections *sections)
{
	free(sections->headers);
	free(sections->names);
}

/* @size bytes of a file, or NULL. */
static void *part_read(int fd, uint64_t offset, uint64_t size)
{
	owned(free_p) void *part = NULL;

	if (offset > INT64_MAX || !size)
		return NULL;
	part = malloc(size);
	if (!part || read_full_at(fd, part, size, (off_t)offset))
		return NULL;
	return take_ptr(part);
}

static bool sections_read(int fd, struct sections *sections)
{
	const Elf64_Shdr *names;
	Elf64_Ehdr ehdr;

	if (read_full_at(fd, &ehdr, sizeof(ehdr), 0) ||
	    memcmp(ehdr.e_ident, ELFMAG, SELFMAG) ||
	    ehdr.e_shentsize != sizeof(Elf64_Shdr) ||
	    ehdr.e_shstrndx >= ehdr.e_shnum)
		return false;
	sections->nr = ehdr.e_shnum;
	sections->headers = part_read(fd, ehdr.e_shoff,
				      sections->nr * sizeof(Elf64_Shdr));
	if (!sections->headers)
		return false;
	names = &sections->headers[ehdr.e_shstrndx];
	if (names->sh_size > NAMES_SIZE_MAX)
		return false;
	sections->names_size = names->sh_size;
	sections->names = part_read(fd, names->sh_offset, names->sh_size);
	return sections->names;
}

static const Elf64_Shdr *sections_find(const struct sections *sections,
				       const char *name)
{
	size_t size = strlen(name) + 1;

	for (size_t i = 0; i < sections->nr; i++) {
		const Elf64_Shdr *section = &sections->headers[i];

		if ((section->sh_flags & SHF_ALLOC) &&
		    section->sh_name < sections->names_size &&
		    size <= sections->names_size - section->sh_name &&
		    !memcmp(sections->names + section->sh_name, name, size))
			return section;
	}
	return NULL;
}

void module_find_eh_frame(const struct process *process, struct module *module)
{
	owned(close_p) int fd = openat(process->dir, "exe",
				       O_RDONLY | O_CLOEXEC);
	struct sections sections = { 0 };
	const Elf64_Shdr *section = NULL;
	hf_addr start;

	if (fd >= 0 && sections_read(fd, &sections))
		section = sections_find(&sections, ".eh_frame");
	if (section) {
		start = module->bias + section->sh_addr;
		if (range_contains(&module->range, start) &&
		    section->sh_size <= module->range.end - start)
			module->eh_frame = (struct range){
				start, start + section->sh_size
			};
	}
	sections_release(&sections);
}
