#include "elf_file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "../lib/io.h"

static bool in_file(const struct elf_file *file, uint64_t offset,
		    uint64_t count, uint64_t element)
{
	uint64_t size;

	return !__builtin_mul_overflow(count, element, &size) &&
	       offset <= file->size && size <= file->size - offset;
}

static int fail_not_elf(struct hf_diag *diag, const struct elf_file *file,
			const char *reason)
{
	return hf_error(diag, -ENOEXEC, "not-elf", "%s: %s", file->path,
			reason);
}

static int map_file(struct elf_file *file, struct hf_diag *diag)
{
	owned(close_p) int fd = open(file->path, O_RDONLY | O_CLOEXEC);
	struct stat status;
	void *data;

	if (fd < 0 || fstat(fd, &status) < 0)
		return hf_fail(diag, -errno, "cannot open %s", file->path);
	if (!S_ISREG(status.st_mode))
		return fail_not_elf(diag, file, "not a regular file");
	if ((size_t)status.st_size < sizeof(Elf64_Ehdr))
		return fail_not_elf(diag, file, "not an ELF file: too short");
	data = mmap(NULL, (size_t)status.st_size, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE, fd, 0);
	if (data == MAP_FAILED)
		return hf_fail(diag, -errno, "cannot map %s", file->path);
	file->data = data;
	file->size = (size_t)status.st_size;
	return 0;
}

static int check_header(struct elf_file *file, struct hf_diag *diag)
{
	Elf64_Ehdr *header = (void *)file->data;

	if (memcmp(header->e_ident, ELFMAG, SELFMAG))
		return fail_not_elf(diag, file, "not an ELF file");
	if (header->e_ident[EI_CLASS] != ELFCLASS64)
		return fail_not_elf(diag, file,
				    "a 32-bit ELF file; only 64-bit ones can "
				    "be patched");
	if (header->e_ident[EI_DATA] != ELFDATA2LSB)
		return fail_not_elf(diag, file, "a big-endian ELF file");
	file->header = header;
	return 0;
}

static int check_segments(struct elf_file *file, struct hf_diag *diag)
{
	const Elf64_Ehdr *header = file->header;

	if (!header->e_phnum)
		return 0;
	if (header->e_phentsize != sizeof(Elf64_Phdr) || header->e_phoff % 8 ||
	    !in_file(file, header->e_phoff, header->e_phnum,
		     sizeof(Elf64_Phdr)))
		return fail_not_elf(diag, file,
				    "damaged: program headers out of bounds");
	file->segments = (void *)(file->data + header->e_phoff);
	file->nr_segments = header->e_phnum;
	return 0;
}

static bool section_valid(const struct elf_file *file,
			  const Elf64_Shdr *section)
{
	if (section->sh_type == SHT_NOBITS || section->sh_type == SHT_NULL)
		return true;
	if (!in_file(file, section->sh_offset, section->sh_size, 1))
		return false;
	switch (section->sh_type) {
	case SHT_SYMTAB:
	case SHT_DYNSYM:
	case SHT_RELA:
	case SHT_DYNAMIC:
		return section->sh_offset % 8 == 0;
	default:
		return true;
	}
}

static int check_sections(struct elf_file *file, struct hf_diag *diag)
{
	const Elf64_Ehdr *header = file->header;

	if (!header->e_shoff)
		return 0;
	if (header->e_shentsize != sizeof(Elf64_Shdr) || header->e_shoff % 8 ||
	    !in_file(file, header->e_shoff, 1, sizeof(Elf64_Shdr)))
		return fail_not_elf(diag, file,
				    "damaged: section headers out of bounds");
	file->sections = (void *)(file->data + header->e_shoff);
	/* More than fit in 16 bits stand in the first header. */
	file->nr_sections = header->e_shnum ?: file->sections[0].sh_size;
	if (!in_file(file, header->e_shoff, file->nr_sections,
		     sizeof(Elf64_Shdr)))
		return fail_not_elf(diag, file,
				    "damaged: section headers out of bounds");
	for (size_t i = 0; i < file->nr_sections; i++)
		if (!section_valid(file, &file->sections[i]))
			return fail_not_elf(diag, file,
					    "damaged: a section lies outside "
					    "the file");
	return 0;
}

int elf_open(const char *path, struct elf_file **ret_file, struct hf_diag *diag)
{
	owned(elf_close_p) struct elf_file *file = calloc(1, sizeof(*file));
	int r;

	if (!file || !(file->path = strdup(path)))
		return hf_fail(diag, -ENOMEM, "cannot open %s", path);
	r = map_file(file, diag);
	if (!r)
		r = check_header(file, diag);
	if (!r)
		r = check_segments(file, diag);
	if (!r)
		r = check_sections(file, diag);
	if (r)
		return r;
	*ret_file = take_ptr(file);
	return 0;
}

void elf_close(struct elf_file *file)
{
	if (file->data)
		munmap(file->data, file->size);
	free(file->path);
	free(file);
}

Elf64_Shdr *elf_section_at(const struct elf_file *file, size_t index)
{
	return index < file->nr_sections ? &file->sections[index] : NULL;
}

uint8_t *elf_section_data(const struct elf_file *file,
			  const Elf64_Shdr *section)
{
	if (section->sh_type == SHT_NOBITS || section->sh_type == SHT_NULL)
		return NULL;
	return file->data + section->sh_offset;
}

size_t elf_section_entries(const Elf64_Shdr *section, size_t entry_size)
{
	return section->sh_type == SHT_NOBITS ? 0 :
						section->sh_size / entry_size;
}

const char *elf_string(const struct elf_file *file, size_t table,
		       uint64_t offset)
{
	const Elf64_Shdr *section = elf_section_at(file, table);
	const char *data =
		section ? (void *)elf_section_data(file, section) : NULL;

	if (!data || offset >= section->sh_size ||
	    !memchr(data + offset, 0, section->sh_size - offset))
		return "";
	return data + offset;
}

const char *elf_section_name(const struct elf_file *file,
			     const Elf64_Shdr *section)
{
	size_t table = file->header->e_shstrndx;

	if (table == SHN_XINDEX)
		table = file->sections[0].sh_link;
	return elf_string(file, table, section->sh_name);
}

Elf64_Shdr *elf_section(const struct elf_file *file, const char *name)
{
	for (size_t i = 1; i < file->nr_sections; i++)
		if (!strcmp(elf_section_name(file, &file->sections[i]), name))
			return &file->sections[i];
	return NULL;
}

struct elf_symbols elf_symbols(const struct elf_file *file, uint32_t type)
{
	for (size_t i = 1; i < file->nr_sections; i++) {
		Elf64_Shdr *section = &file->sections[i];

		if (section->sh_type == type)
			return (struct elf_symbols){
				(void *)elf_section_data(file, section),
				elf_section_entries(section, sizeof(Elf64_Sym)),
				i,
			};
	}
	return (struct elf_symbols){ 0 };
}

const char *elf_symbol_name(const struct elf_file *file,
			    const struct elf_symbols *symbols, size_t index)
{
	if (index >= symbols->nr)
		return "";
	return elf_string(file, file->sections[symbols->section].sh_link,
			  symbols->entries[index].st_name);
}

const Elf64_Dyn *elf_dynamic(const struct elf_file *file, size_t *ret_nr)
{
	for (size_t i = 1; i < file->nr_sections; i++) {
		Elf64_Shdr *section = &file->sections[i];

		if (section->sh_type != SHT_DYNAMIC)
			continue;
		*ret_nr = elf_section_entries(section, sizeof(Elf64_Dyn));
		return (void *)elf_section_data(file, section);
	}
	*ret_nr = 0;
	return NULL;
}

const Elf64_Phdr *elf_segment(const struct elf_file *file, uint32_t type)
{
	for (size_t i = 0; i < file->nr_segments; i++)
		if (file->segments[i].p_type == type)
			return &file->segments[i];
	return NULL;
}

const uint8_t *elf_bytes_at(const struct elf_file *file, uint64_t vaddr,
			    uint64_t size)
{
	for (size_t i = 0; i < file->nr_segments; i++) {
		const Elf64_Phdr *segment = &file->segments[i];
		uint64_t offset = vaddr - segment->p_vaddr;

		if (segment->p_type != PT_LOAD || vaddr < segment->p_vaddr ||
		    offset > segment->p_filesz ||
		    size > segment->p_filesz - offset)
			continue;
		if (!in_file(file, segment->p_offset, segment->p_filesz, 1))
			return NULL;
		return file->data + segment->p_offset + offset;
	}
	return NULL;
}

int elf_save(const struct elf_file *file, const char *path, const void *extra,
	     size_t extra_size, mode_t mode, struct hf_diag *diag)
{
	owned(close_p) int fd = -1;
	int r;

	/* It may be the very file that is mapped: leave that one alone. */
	unlink(path);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
	if (fd < 0)
		return hf_fail(diag, -errno, "cannot write %s", path);
	r = write_full_at(fd, file->data, file->size, 0);
	if (!r && extra_size)
		r = write_full_at(fd, extra, extra_size, (off_t)file->size);
	return r ? hf_fail(diag, r, "cannot write %s", path) : 0;
}
